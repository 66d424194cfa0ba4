// The curves of one run, or of several on the same axes, each with a sentence on what to look for.

import { chart } from "./chart.js";

const BAND = "Each band holds half of its kind.";

const CURVES = [
  {
    title: "How real pairs look to the discriminator",
    says: "The middle logit of each kind, above 0 for “real”: the nearer the drawn pairs come to the " +
      "real ones, the better the generator fools it.",
    lines: { logit_matching_50: "real", logit_mismatching_50: "mismatching", logit_generated_50: "drawn" },
    band: (key) => [key.replace("50", "25"), key.replace("50", "75")],
  },
  {
    title: "Losses",
    says: "How badly each network plays; neither must fall for the pictures to get better, because " +
      "one network’s gain is the other’s loss.",
    lines: { loss_d: "discriminator", loss_g: "generator" },
  },
  {
    title: "Share of pairs judged rightly",
    says: "How often the discriminator is right about each kind of pair: near 1 nothing fools it, " +
      "near 0.5 it guesses.",
    lines: {
      accuracy_real: "real", accuracy_mismatching: "mismatching", accuracy_generated: "drawn",
    },
  },
  {
    title: "KID, lower is better",
    says: "How far the drawn pictures as a whole are from real ones, as an independent network sees them.",
    lines: { score_kid: "KID" },
  },
  {
    title: "R@1 of 100, higher is better",
    says: "How often a drawn picture is found by its own sentence among 100: whether it shows what the words say.",
    lines: { score_r_at_1: "R@1" },
  },
  {
    title: "Novelty: distance to the nearest training picture, 1 like real ones",
    says: "Far below 1, the generator repeats pictures that it has seen.",
    lines: { score_novelty: "novelty" },
  },
  {
    title: "Images a second",
    says: "How many training pictures both networks see in a second.",
    lines: { images_per_second: "speed" },
  },
  {
    title: "Variety, as a share of real pictures'",
    says: "How much drawn pictures differ if the sentence changes, and if only the noise does; near 0 " +
      "the generator ignores it.",
    lines: { health_text_spread: "between captions", health_noise_spread: "between noises" },
  },
];

/** The charts of one run's lines. */
export function curvesOf(lines) {
  return CURVES.flatMap(({ title, says, lines: names, band }) => {
    const drawn = Object.entries(names)
      .map(([key, name]) => [name, key, series(lines, key)])
      .filter(([, , points]) => points.length);
    if (!drawn.length) return [];
    const bands = band ? drawn.map(([name, key]) => [name, series(lines, ...band(key))]) : [];
    const points = drawn.map(([name, , each]) => [name, each]);
    const all = band ? `${says} ${BAND}` : says;
    return [chart(title, all, Object.fromEntries(points), Object.fromEntries(bands))];
  });
}

/** The charts of several runs, {name: lines}: one for each figure, with a line for each run. */
export function comparedCurves(runs) {
  return CURVES.flatMap(({ title, says, lines: names }) => Object.entries(names).flatMap(([key, name]) => {
    const drawn = Object.entries(runs)
      .map(([run, lines]) => [run, series(lines, key)])
      .filter(([, points]) => points.length);
    const several = Object.keys(names).length > 1;
    return drawn.length ? [chart(several ? `${title}: ${name}` : title, says, Object.fromEntries(drawn))] : [];
  }));
}

/** The values of some keys over kimg, where a line has all of them. */
function series(lines, ...keys) {
  return lines.filter((line) => keys.every((each) => each in line))
    .map((line) => [line.kimg, ...keys.map((each) => line[each])]);
}
