// The squares of a scene, and the key to what is in them.

import { element } from "../../web/static/parts.js";
import { paintArrow, paintBand, paintFlowers, paintMark, paintPoints } from "./paint.js";
import { read } from "./words.js";
import { SIDES } from "./sides.js";
import { strings } from "./strings.js";

/** Make the panels of a scene; returns what paints and describes them. */
export function panelsIn(place, key, scene) {
  const made = scene === "flowers" ? flowers() : clouds(scene);
  place.className = { points: "", pairs: "four", flowers: "pictures" }[scene];
  place.replaceChildren(...made.figures);
  const marks = scene === "flowers" ? [] : keyOf(scene);
  key.replaceChildren(...marks.map(([item]) => item));
  key.hidden = !marks.length;
  return {
    paint(view, palette) {
      made.paint(view, palette);
      for (const [item, draw] of marks) draw(item.firstChild, palette);
    },
    describe(words) {
      for (const { lastChild, firstChild } of made.figures) {
        lastChild.setAttribute("aria-label", [firstChild !== lastChild && firstChild.textContent, words].filter(Boolean).join(": "));
      }
    },
  };
}

function clouds(scene) {
  const titles = scene === "pairs" ? SIDES.map((side) => strings.words[side]) : [null];
  const figures = titles.map((title) => figure(title, "plot"));
  const paint = (view, palette) => view.panels.forEach((panel, place) =>
    paintPoints(figures[place].lastChild, panel, palette, view.lit));
  return { figures, paint };
}

function flowers() {
  const figures = ["real-flowers", "drawn-flowers"].map((name) => figure(strings[name], "flowers"));
  const paint = (view) => {
    paintFlowers(figures[0].lastChild, view.flowers.real);
    paintFlowers(figures[1].lastChild, view.flowers.drawn);
  };
  return { figures, paint };
}

function figure(title, className) {
  const canvas = element("canvas", { className, role: "img", "aria-label": title ?? strings.points });
  return element("figure", {}, ...(title ? [element("figcaption", {}, title)] : []), canvas);
}

function keyOf(scene) {
  const item = (words, draw, className = "") =>
    [element("li", {}, element("canvas", { className, "aria-hidden": "true" }), strings[words]), draw];
  return [
    item("real-points", (canvas, palette) => paintMark(canvas, "disc", palette.real)),
    ...(scene === "pairs" ? [item("other-points", (canvas, palette) => paintMark(canvas, "hollow", palette.other))] : []),
    item("generated-points", (canvas, palette) => paintMark(canvas, "diamond", palette.generated)),
    item("pull-key", (canvas, palette) => paintArrow(canvas, palette.ink)),
    item("belief-key", (canvas, palette) => paintBand(canvas, palette), "band"),
  ];
}

/** What is to be said about a sentence. */
export function remarkOn(sentence) {
  const { petals, centre, unknown } = read(sentence);
  if (unknown.length) return strings.unknown(unknown.map((word) => `“${word}”`).join(", "));
  return petals === null || centre === null ? strings.open : "";
}
