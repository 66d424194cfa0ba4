// The thread that trains. The page orders {verb, ...}; it answers with what there is to see.

import { RandomState } from "../engine/random_state.js";
import { Curve } from "./curve.js";
import { Game, step, updateD, updateG } from "./game.js";
import { flowerScene } from "./scene_flowers.js";
import { pairScene } from "./scene_pairs.js";
import { pointScene } from "./scene_points.js";

const SCENES = { points: pointScene, pairs: pairScene, flowers: flowerScene };
const UPDATES = { D: updateD, G: updateG, step };
const BETWEEN_VIEWS = 60; // milliseconds, while it trains at full speed

let game = null;
let name = null; // of its scene
let curves = {};
let terms = {}; // by name, as they were last computed
let current = [][Symbol.iterator](); // the update under way
let order = 0; // a newer order ends the older one
let pace = 0; // milliseconds for a look at each term
let shown = 0;
let running = false;

const VERBS = {
  /** Begin anew. */
  open({ scene, choices, settings, seed }) {
    current = [][Symbol.iterator]();
    game = new Game(SCENES[scene](choices), settings, new RandomState(seed));
    name = scene;
    [curves, terms] = [{}, {}];
    show(null);
  },

  /** Go on with other settings. */
  set({ settings, pace: asked }) {
    game.settings = settings;
    pace = asked;
  },

  /** Look at the same players with other eyes: another sentence. */
  look({ scene, choices }) {
    game.scene = SCENES[scene](choices);
    if (!running) show(null);
  },

  /** Carry out an update: once, or over and over. */
  async run({ update, forever }) {
    const mine = order;
    running = true;
    do {
      current = UPDATES[update](game);
      for (const event of current) {
        note(event);
        if (pace || performance.now() - shown > BETWEEN_VIEWS) {
          show(pace ? event.term : null);
          await new Promise((resolve) => setTimeout(resolve, pace));
          if (mine !== order) return;
        }
      }
    } while (forever);
    running = false;
    show(null);
  },

  pause() {
    show(null);
  },
};

self.addEventListener("message", ({ data }) => {
  if (["open", "run", "pause"].includes(data.verb)) finish();
  VERBS[data.verb](data);
});

// No update is left half done.
function finish() {
  order += 1;
  running = false;
  for (const event of current) note(event);
}

function note({ term, value, right }) {
  terms[term] = { value, right };
  (curves[term] ??= new Curve()).add(value);
  if (right !== undefined) (curves[`${term}-right`] ??= new Curve()).add(right);
}

function show(lit) {
  const ways = Object.entries(curves).map(([name, { values }]) => [name, Float32Array.from(values)]);
  const { steps } = game;
  self.postMessage({ name, lit, running, steps, terms, curves: Object.fromEntries(ways), ...game.view() });
  shown = performance.now();
}
