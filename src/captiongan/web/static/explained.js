// What each word did: the picture, and for each word of its sentence where it changes the picture.

import { t } from "./language.js";
import { $, element, pngSource } from "./parts.js";

const levels = (strength) => strength.toFixed(strength < 10 ? 1 : 0);

/** Show an answer of the engine's verb `explain`. */
export function showExplained({ picture, words }) {
  const { prompt, seed, png } = picture;
  $("explained-picture").src = pngSource(png);
  $("explained-picture").alt = `${prompt}: seed ${seed}`;
  $("explained-caption").textContent = t("Seed {seed}, all words", { seed });
  const most = Math.max(...words.map(({ strength }) => strength));
  $("explained-words").replaceChildren(...words.map((word) => itemOf(word, most)));
}

function itemOf({ word, strength, heat }, most) {
  return element("li", { className: strength === most ? "most" : "" },
    element("img", {
      src: pngSource(heat), decoding: "sync",
      alt: t("Without “{word}” the picture changes by {levels} levels on average",
        { word, levels: levels(strength) }),
    }),
    element("span", { className: "word" }, word),
    element("span", { className: "strength", "aria-hidden": "true" }, levels(strength)));
}
