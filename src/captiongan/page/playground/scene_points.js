// Two players and a cloud of points, without any text.

import { RandomState } from "../engine/random_state.js";
import { network } from "./networks.js";
import { noise, rows } from "./sampling.js";
import { covered, SHAPES } from "./shapes.js";
import { beliefs, pulls } from "./looks.js";

const NOISE = 4;
const HIDDEN = 32;
const BATCH = 64;
const SHOWN = 256;
const CELLS = 36;

/** @param choices shape: a name of SHAPES */
export function pointScene({ shape }) {
  const { point, modes } = SHAPES[shape];
  const fixed = new RandomState(0);
  const cloud = (count, random) => rows(count, 2, () => point(random));
  const real = cloud(SHOWN, fixed);
  const z = noise(SHOWN, NOISE, fixed);
  return {
    players: (random) => ({
      G: network([NOISE, HIDDEN, HIDDEN, 2], random),
      D: network([2, HIDDEN, HIDDEN, 1], random),
    }),

    batch: (random) => ({ x: cloud(BATCH, random), z: noise(BATCH, NOISE, random) }),

    view(game) {
      const generated = game.G(z);
      return {
        panels: [{
          real: real.data,
          generated: generated.data,
          pulls: pulls(game, generated),
          beliefs: beliefs(game, CELLS),
        }],
        facts: modes.length ? { modes: [covered(modes, generated.data), modes.length] } : {},
      };
    },
  };
}
