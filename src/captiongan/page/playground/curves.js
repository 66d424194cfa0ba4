// The curves beside the game.

import { element } from "../../web/static/parts.js";
import { sheet } from "./paint.js";
import { digits, percent, strings } from "./strings.js";

const LOSSES = ["D", "G"];
const KINDS = ["real", "fake", "mismatch"];
const DASHES = [[], [6, 3], [2, 3]]; // lines differ by more than their colour

/** Two charts: the losses, and how often D is right about each kind. Returns what draws them. */
export function chartsIn(place) {
  const losses = chart(strings.losses_title, LOSSES.map((player) => [player, player]));
  const rights = chart(strings.accuracy_title, KINDS.map((kind) => [`${kind}-right`, strings[kind]]), 1);
  place.replaceChildren(losses.figure, rights.figure);
  return (curves, palette) => {
    losses.draw(curves, palette, (value) => digits(value, 2));
    rights.draw(curves, palette, percent);
  };
}

function chart(title, lines, most = null) {
  const canvas = element("canvas", { role: "img", "aria-label": title });
  const items = lines.map((_, place) => element("li", { className: `c${place}` }));
  const figure = element("figure", { className: "curve" },
    element("figcaption", {}, title), element("ul", {}, ...items), canvas);
  const draw = (curves, palette, shown) => {
    const ways = lines.map(([name]) => curves[name] ?? []);
    items.forEach((item, place) => {
      item.hidden = place === 2 && !ways[place].length;
      item.textContent = `${lines[place][1]} ${ways[place].length ? shown(ways[place].at(-1)) : "–"}`;
    });
    paint(canvas, ways, [palette.real, palette.generated, palette.other], palette, most);
  };
  return { figure, draw };
}

// Paint curves over the way so far; `most` is the top of the scale, or the largest value.
function paint(canvas, ways, paints, palette, most = null) {
  const { pen, width, height } = sheet(canvas);
  const values = ways.flatMap((way) => [...way]);
  const top = most ?? Math.max(1, ...values) * 1.05;
  const bottom = Math.min(0, ...values);
  const y = (value) => height - 14 - ((value - bottom) / (top - bottom)) * (height - 22);
  pen.font = "10px system-ui, sans-serif";
  pen.fillStyle = palette.soft;
  pen.strokeStyle = palette.line;
  for (const rule of [0, most ?? Math.floor(top)]) {
    pen.beginPath();
    pen.moveTo(20, y(rule));
    pen.lineTo(width, y(rule));
    pen.stroke();
    pen.fillText(String(rule), 2, y(rule) + 3);
  }
  ways.forEach((way, place) => {
    pen.strokeStyle = paints[place];
    pen.lineWidth = 1.6;
    pen.setLineDash(DASHES[place]);
    pen.beginPath();
    way.forEach((value, at) => pen.lineTo(20 + ((width - 22) * (at + 0.5)) / way.length, y(value)));
    pen.stroke();
  });
  pen.setLineDash([]);
}
