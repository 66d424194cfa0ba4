// Curves as inline SVG, with the same in words for who does not see them.

import { element, svg } from "./parts.js";

const WIDTH = 360;
const HEIGHT = 150;
const LEFT = 40;
const RIGHT = 352;
const TOP = 8;
const BOTTOM = 128;
const MOST_POINTS = 400;
const NOISY = 60; // points from which on a smooth line leads through them
const DASHES = ["", "6 3", "2 3", "9 3 2 3", "4 2", "1 2"]; // lines differ by more than their colour

/**
 * Draw lines over kimg.
 *
 * @param title what they show
 * @param says what to look for, in a sentence
 * @param lines {name: [[kimg, value], ...]}, each with one point at least
 * @param bands {name: [[kimg, low, high], ...]} around some of the lines
 */
export function chart(title, says, lines, bands = {}) {
  const names = Object.keys(lines);
  const points = [...Object.values(lines), ...Object.values(bands)].flat();
  const across = ticks(0, -least(points.map(([kimg]) => -kimg)));
  const values = points.flatMap(([, ...each]) => each);
  const up = ticks(Math.min(0, least(values)), -least(values.map((value) => -value)));
  const x = (kimg) => LEFT + (RIGHT - LEFT) * share(kimg, across);
  const y = (value) => BOTTOM - (BOTTOM - TOP) * share(value, up);
  const drawing = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    "aria-label": inWords(title, lines),
  });
  for (const value of up) {
    drawing.append(svg("path", { class: "rule", d: `M${LEFT} ${y(value)}H${RIGHT}` }),
      label(shown(value), LEFT - 6, y(value) + 3, "end"));
  }
  for (const kimg of across) {
    const anchor = kimg === across.at(-1) ? "end" : "middle"; // beyond the last one nothing is shown
    drawing.append(label(shown(kimg), x(kimg), BOTTOM + 16, anchor));
  }
  const way = (series) => {
    const places = series.map(([kimg, value]) => `${x(kimg).toFixed(1)} ${y(value).toFixed(1)}`);
    return places.length === 1 ? `M${places[0]}h.01` : `M${places.join("L")}`;
  };
  names.forEach((name, number) => {
    const band = thinned(bands[name] ?? []);
    if (!band.length) return;
    const edges = [...band.map(([kimg, low]) => [kimg, low]),
      ...band.toReversed().map(([kimg, , high]) => [kimg, high])];
    drawing.append(svg("path", { class: `l${number} band`, d: `${way(edges)}Z` }));
  });
  names.forEach((name, number) => {
    const series = thinned(lines[name]);
    if (series.length > NOISY) drawing.append(svg("path", { class: `l${number} raw`, d: way(series) }));
    const line = series.length > NOISY ? smoothed(series) : series;
    drawing.append(svg("path", { class: `l${number}`, d: way(line), "stroke-dasharray": DASHES[number] }));
  });
  const key = names.map((name, number) =>
    element("li", { className: `l${number}` },
      element("span", {}, `${name} ${shown(lines[name].at(-1)[1])}`)));
  return element("figure", { className: "chart" },
    element("figcaption", {}, `${title}, over kimg`), element("ul", {}, ...key), drawing,
    element("p", { className: "soft" }, says));
}

/** Three digits, as one reads them. */
export function shown(value) {
  return Number(value.toPrecision(3)).toLocaleString("en");
}

function inWords(title, lines) {
  const ways = Object.entries(lines).map(([name, points]) => {
    const values = points.map(([, value]) => value);
    return `${name} went from ${shown(values[0])} to ${shown(values.at(-1))}, ` +
      `lowest ${shown(least(values))}, highest ${shown(-least(values.map((each) => -each)))}`;
  });
  return `${title}: ${ways.join("; ")}.`;
}

const least = (values) => values.reduce((one, other) => Math.min(one, other));

function thinned(points) {
  const stride = 1 + Math.floor(points.length / MOST_POINTS);
  return points.filter((_, place) => place % stride === 0 || place === points.length - 1);
}

// A running average that forgets half of the past in a fortieth of the way.
function smoothed(points) {
  const keep = 0.5 ** (40 / points.length);
  let weight = 0;
  let sum = 0;
  return points.map(([kimg, value]) => {
    sum = keep * sum + value;
    weight = keep * weight + 1;
    return [kimg, sum / weight];
  });
}

// A few round numbers, from `low` or below to `high` or above.
function ticks(low, high) {
  const rough = (high - low || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * power).find((each) => each >= rough);
  const first = Math.floor(low / step);
  const last = Math.max(Math.ceil(high / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, place) => step * (first + place));
}

const share = (value, all) => (value - all[0]) / (all.at(-1) - all[0]);

function label(words, x, y, anchor) {
  const text = svg("text", { x, y, "text-anchor": anchor });
  text.textContent = words;
  return text;
}
