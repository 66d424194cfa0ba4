// The studio's page without a server: the bundles lie in it, or beside it.

import { openStudio } from "../../web/static/studio.js";
import { $ } from "../../web/static/parts.js";
import { Local } from "./local.js";
import { PartsBeside, PartsInside } from "./parts.js";
import { Progress } from "./progress.js";
import { unpacked } from "./unpack.js";

const site = JSON.parse($("site").textContent);
const parts = site.inside ? new PartsInside(site.parts) : new PartsBeside(site.parts, document.baseURI);
const progress = new Progress((share) => {
  $("loading-bar").value = share;
  $("loading").hidden = share === 1;
});
const note = (...facts) => progress.note(...facts);

$("opening").remove();
$("licences").addEventListener("toggle", async () => {
  const texts = await unpacked(await parts.get(site.licences, note));
  $("licence-texts").textContent = new TextDecoder().decode(texts);
}, { once: true });
openStudio(new Local(site, parts, note));
