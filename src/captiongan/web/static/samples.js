// The sample grids of a run: the first one beside the one that the slider chooses.

import { shown } from "./chart.js";
import { $, element } from "./parts.js";

export class Samples {
  #steps = [];
  #query = "";
  #kimgAt = new Map(); // of each step
  #onChoice;

  /** `onChoice` is called with the step that is shown, and with the query of its address. */
  constructor(onChoice) {
    this.#onChoice = onChoice;
    $("time").addEventListener("input", () => this.#choose());
    // A grid may have been asked for while it was being written: the next time it is whole.
    for (const image of [$("start-grid"), $("grid")]) {
      image.addEventListener("error", () => image.removeAttribute("src"));
    }
  }

  /**
   * Show the grids of a run.
   *
   * @param news what the server answers
   * @param kimgAt has the thousands of pictures shown at each step
   * @param run the number of the run
   */
  show({ grids, captions, generation }, kimgAt, run) {
    const slider = $("time");
    const last = this.#steps.length - 1;
    const atNewest = last < 0 || Number(slider.value) === last;
    this.#steps = grids;
    this.#query = run ? `run=${run}&${generation}` : generation;
    this.#kimgAt = kimgAt;
    $("no-grids").hidden = grids.length > 0;
    $("grids").hidden = grids.length === 0;
    if (!grids.length) return;
    slider.max = grids.length - 1;
    if (atNewest) slider.value = grids.length - 1;
    $("captions").replaceChildren(...captions.map((caption) => element("li", {}, caption)));
    this.#choose();
  }

  #choose() {
    const steps = this.#steps;
    const place = Number($("time").value);
    const atNewest = place === steps.length - 1;
    const words = this.#put($("grid"), steps[place]);
    this.#onChoice(steps[place], this.#query);
    $("time-shown").textContent = atNewest ? `${words}, the newest` : words;
    $("time").setAttribute("aria-valuetext", $("time-shown").textContent);
    $("start").hidden = $("grid-shown").hidden = steps.length === 1;
    if (steps.length === 1) return;
    const first = this.#put($("start-grid"), steps[0]);
    $("start-shown").textContent = `${steps[0] === 0 ? "At the start" : "First"}: ${first}`;
    $("grid-shown").textContent = atNewest ? `Now: ${words}` : words;
  }

  /** Put the grid of a step into an image; return the step in words. */
  #put(image, step) {
    const source = `grids/${step}?${this.#query}`;
    if (image.getAttribute("src") !== source) image.src = source;
    const kimg = this.#kimgAt.get(step);
    const words = `step ${step.toLocaleString("en")}${kimg === undefined ? "" : `, ${shown(kimg)} kimg`}`;
    image.alt = `Pictures drawn at ${words}: a row for each caption, the real picture first`;
    return words;
  }
}
