// The joint distribution: points and words. A word names the side on which a point lies.

import { RandomState } from "../engine/random_state.js";
import { network } from "./networks.js";
import { hot, noise, repeated, rows } from "./sampling.js";
import { beliefs, pulls } from "./looks.js";
import { SIDES } from "./sides.js";

const WIDE = Math.PI / 5;
const NOISE = 4;
const HIDDEN = 32;
const BATCH = 64;
const SHOWN = 48;
const CELLS = 24;

const text = (word) => hot(SIDES.length, word);
const someWord = (random) => Math.floor(SIDES.length * random.uniform());
const anotherWord = (word, random) => (word + 1 + Math.floor(3 * random.uniform())) % SIDES.length;

function pointAt(word, random) {
  const angle = (word * Math.PI) / 2 + WIDE * (2 * random.uniform() - 1);
  const radius = 1.1 + 0.06 * random.normal();
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

// The word whose side a point is on.
function sideOf(x, y) {
  return (Math.round(Math.atan2(y, x) / (Math.PI / 2)) + SIDES.length) % SIDES.length;
}

export function pairScene() {
  const fixed = new RandomState(0);
  const words = SIDES.map((_, word) => word);
  const real = words.map((word) => rows(SHOWN, 2, () => pointAt(word, fixed)));
  const z = noise(SHOWN, NOISE, fixed);
  return {
    players: (random) => ({
      G: network([NOISE + SIDES.length, HIDDEN, HIDDEN, 2], random),
      D: network([2 + SIDES.length, HIDDEN, HIDDEN, 1], random),
    }),

    batch(random) {
      const said = Array.from({ length: BATCH }, () => someWord(random));
      return {
        x: rows(BATCH, 2, (place) => pointAt(said[place], random)),
        z: noise(BATCH, NOISE, random),
        e: rows(BATCH, SIDES.length, (place) => text(said[place])),
        wrong: rows(BATCH, SIDES.length, (place) => text(anotherWord(said[place], random))),
      };
    },

    view(game) {
      const drawn = words.map((word) => game.G(z, repeated(SHOWN, text(word))));
      const obeying = words.flatMap((word) =>
        Array.from({ length: SHOWN }, (_, place) =>
          sideOf(...drawn[word].data.subarray(2 * place, 2 * place + 2)) === word));
      const others = (word) => words.filter((each) => each !== word);
      const wrong = words.flatMap((word) =>
        others(word).map((other) => game.believed(game.D(real[other], repeated(SHOWN, text(word))))));
      return {
        panels: words.map((word) => ({
          word,
          real: real[word].data,
          others: others(word).map((other) => real[other].data),
          generated: drawn[word].data,
          pulls: pulls(game, drawn[word], text(word)),
          beliefs: beliefs(game, CELLS, text(word)),
        })),
        facts: { obeying: share(obeying), fooled: wrong.reduce((a, b) => a + b) / wrong.length },
      };
    },
  };
}

const share = (list) => list.filter(Boolean).length / list.length;
