// The judge's eye: what the discriminator says of a picture with several sentences, and where it looks.

import { shown } from "./chart.js";
import { $, element, svg } from "./parts.js";

const GAP = 2; // pixels between the pictures of a sample grid
const KINDS = { real: "Real picture", drawn: "Drawn picture" };
const SCALES = ["all scales", "fine", "middle", "coarse", "coarsest"];

export class Judge {
  #asked = "";
  #facts = null;
  #side = 0;
  #grid = "";

  constructor() {
    $("judge-picture").addEventListener("input", () => this.#draw());
  }

  /**
   * Show what was said of a sample grid.
   *
   * @param step of the grid
   * @param query of the run, as of the address of its grid
   * @param side of a picture in the grid, in pixels
   */
  async show(step, query, side) {
    const address = `${step}?${query}`;
    if (address === this.#asked) return;
    this.#asked = address;
    const answer = await fetch(`v1/judged/${address}`).catch(() => null);
    if (address !== this.#asked || !answer?.ok) return;
    this.#facts = await answer.json();
    [this.#side, this.#grid] = [side, `grids/${address}`];
    $("judge").hidden = false;
    this.#offer();
    this.#draw();
  }

  /** Show nothing: of this grid nothing is known. */
  hide() {
    this.#asked = "";
    $("judge").hidden = true;
  }

  #offer() {
    const { value } = $("judge-picture");
    const options = Object.entries(KINDS).flatMap(([kind, name]) => this.#facts.captions
      .map((caption, row) => element("option", { value: `${kind} ${row}` }, `${name} of “${caption}”`)));
    $("judge-picture").replaceChildren(...options);
    if (options.some((option) => option.value === value)) $("judge-picture").value = value;
  }

  #draw() {
    const [kind, place] = $("judge-picture").value.split(" ");
    const row = Number(place);
    const corner = [kind === "real" ? 0 : 1, row].map((each) => GAP + each * (this.#side + GAP));
    const most = Math.max(...["real", "drawn"].flatMap((each) => this.#facts[each].flat(4)).map(Math.abs));
    $("judged").replaceChildren(...this.#facts[kind][row].map((scales, sentence) =>
      element("li", {},
        this.#words(scales, sentence, sentence === row ? OWN[kind] : "another picture’s sentence"),
        element("div", { className: "eyes" },
          ...withMean(scales).map((map, scale) => this.#eye(map, scale, corner, most))))));
  }

  #words(scales, sentence, whose) {
    const mean = meanOf(scales.flat(2));
    return element("p", {},
      element("b", { className: mean > 0 ? "says-real" : "says-fake" },
        `${shown(mean)}: ${mean > 0 ? "real" : "fake"}`),
      ` ${this.#facts.captions[sentence]} `, element("small", {}, whose));
  }

  #eye(map, scale, [left, top], most) {
    const drawing = svg("svg", { viewBox: `${left} ${top} ${this.#side} ${this.#side}`, role: "img",
      "aria-label": `${SCALES[scale] ?? scale}: logits ${map.flat().map(shown).join(", ")}, row by row` },
      svg("image", { href: this.#grid }));
    const size = this.#side / map.length;
    map.forEach((line, y) => line.forEach((logit, x) => drawing.append(svg("rect", {
      x: left + x * size, y: top + y * size, width: size, height: size,
      class: logit > 0 ? "says-real" : "says-fake", opacity: 0.75 * Math.abs(logit) / (most || 1),
    }))));
    return element("figure", {}, drawing, element("figcaption", {}, SCALES[scale] ?? ""));
  }
}

const OWN = { real: "its own sentence: a matching pair", drawn: "its own sentence: a drawn pair" };

const meanOf = (values) => values.reduce((one, other) => one + other, 0) / values.length;

/** The mean over the scales, then each of them; or the only one. */
function withMean(scales) {
  if (scales.length === 1) return scales;
  const mean = scales[0].map((line, y) => line.map((_, x) => meanOf(scales.map((map) => map[y][x]))));
  return [mean, ...scales];
}
