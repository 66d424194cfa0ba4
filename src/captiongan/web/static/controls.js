// The controls and titles of the page, as a state has them.

import { t } from "./language.js";
import { explainedSeed, firstSeed } from "./link.js";
import { $, setIcon } from "./parts.js";

/**
 * Show a state in the controls.
 *
 * @param bundle the engine's description of the state's bundle
 * @param formats of the files that the engine writes
 */
export function showControls(state, bundle, formats) {
  const isFilm = state.view === "prompts" || state.view === "seeds";
  const explains = state.view === "words";
  const variations = state.view === "pictures" && state.around !== null;
  showValues(state);
  if (bundle) {
    const { resolution, version } = bundle;
    const size = `${resolution} × ${resolution}`;
    $("bundle-facts").textContent = t("{size} pixels, version {version}", { size, version });
  }
  for (const button of document.querySelectorAll("button[data-view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === state.view));
  }
  document.body.dataset.view = variations ? "variations" : state.view;
  $("prompt-label").textContent =
    state.view === "prompts" ? t("From these words …") : t("Describe a picture");
  $("seed-label").textContent = variations ? t("Towards seed") : t("Seed");
  $("stage-title").textContent = titleOf(state);
  $("second").hidden = state.view !== "prompts";
  $("film").hidden = !isFilm;
  $("explained").hidden = !explains;
  $("close-up").hidden = !variations;
  $("gallery").hidden = state.view === "prompts";
  $("n-field").hidden = state.view === "prompts";
  $("best-field").hidden = state.view === "prompts" || explains || !bundle?.ranks;
  $("download-grid").hidden = isFilm || explains;
  $("download-strip").hidden = !isFilm;
  for (const kind of ["webp", "gif"]) $(`download-${kind}`).hidden = !isFilm || !formats.includes(kind);
}

function showValues(state) {
  setText("prompt", state.prompt);
  setText("to", state.to);
  setText("seed", firstSeed(state));
  for (const name of ["n", "truncation", "strength", "bundle", "steps", "fps"]) {
    $(name).value = state[name];
  }
  $("best").checked = state.best_of > 1;
  $("n-shown").textContent = state.n;
  $("truncation-shown").textContent = state.truncation.toFixed(2);
  $("strength-shown").textContent = `${Math.round(100 * state.strength)} %`;
  $("lock").setAttribute("aria-pressed", String(state.locked));
  setIcon($("lock"), state.locked ? "locked" : "unlocked");
}

/** Set a field, unless it has that text already: the user may be typing in it. */
function setText(id, value) {
  if ($(id).value.trim() !== String(value).trim()) $(id).value = value;
}

function titleOf({ view, around, n, seed, best_of: candidates }) {
  if (view === "prompts") return t("From words to words");
  if (view === "words") return t("Choose another picture");
  if (view === "seeds") return t("Choose two pictures for the ends");
  if (around !== null) return t("Variations of seed {around}", { around });
  const last = seed + n * candidates - 1;
  if (candidates > 1) {
    return t("The best of {candidates} each, of seeds {seed} to {last}", { candidates, seed, last });
  }
  return n === 1 ? t("Seed {seed}", { seed }) : t("Seeds {seed} to {last}", { seed, last });
}
