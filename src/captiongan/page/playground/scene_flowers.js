// Pictures and sentences: flowers of 16 x 16 pixels, whose colours a sentence names.

import { RandomState } from "../engine/random_state.js";
import { asItShould, flower, WIDTH } from "./flower.js";
import { pictureDiscriminator, pictureGenerator } from "./networks.js";
import { hot, noise, rows } from "./sampling.js";
import { CENTRES, PETALS, read } from "./words.js";

const NUMBERS = 3 * WIDTH ** 2;
const WORDS = PETALS.length + CENTRES.length;
const NOISE = 8;
const CHANNELS = 16;
const HIDDEN = 48;
const BATCH = 16;
const SHOWN = 12;

const text = ({ petals, centre }) => hot(WORDS, petals, PETALS.length + centre);
const some = (list, random) => Math.floor(list.length * random.uniform());
const someFlower = (random) => ({ petals: some(PETALS, random), centre: some(CENTRES, random) });

// What a sentence leaves open, chance decides.
const asAsked = (asked, random) => {
  const { petals, centre } = someFlower(random);
  return { petals: asked.petals ?? petals, centre: asked.centre ?? centre };
};

/** @param choices sentence */
export function flowerScene({ sentence }) {
  const fixed = new RandomState(0);
  const asked = read(sentence);
  const wishes = Array.from({ length: SHOWN }, () => asAsked(asked, fixed));
  const real = rows(SHOWN, NUMBERS, (place) => flower(wishes[place], fixed));
  const z = noise(SHOWN, NOISE, fixed);
  const e = rows(SHOWN, WORDS, (place) => text(wishes[place]));
  return {
    players: (random) => ({
      G: pictureGenerator(NOISE, WORDS, CHANNELS, random),
      D: pictureDiscriminator(WORDS, CHANNELS, HIDDEN, random),
    }),

    batch(random) {
      const said = Array.from({ length: BATCH }, () => someFlower(random));
      const other = () => someFlower(random);
      return {
        x: rows(BATCH, NUMBERS, (place) => flower(said[place], random)),
        z: noise(BATCH, NOISE, random),
        e: rows(BATCH, WORDS, (place) => text(said[place])),
        wrong: rows(BATCH, WORDS, (place) => text(anotherThan(said[place], other))),
      };
    },

    view(game) {
          const drawn = game.G(z, e);
      const row = (place) => drawn.data.subarray(place * NUMBERS, (place + 1) * NUMBERS);
      const right = wishes.filter((wish, place) => asItShould(row(place), wish)).length;
      const wrong = wishes.map((wish) => text(anotherThan(wish, () => someFlower(fixed))));
      const fooled = game.believed(game.D(real, rows(SHOWN, WORDS, (place) => wrong[place])));
      return { flowers: { real: real.data, drawn: drawn.data }, facts: { right: [right, SHOWN], fooled } };
    },
  };
}

function anotherThan(one, draw) {
  for (;;) {
    const other = draw();
    if (other.petals !== one.petals || other.centre !== one.centre) return other;
  }
}
