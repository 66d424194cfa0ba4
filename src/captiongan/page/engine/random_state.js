// The stream of numpy.random.RandomState: MT19937, and the polar method for normal numbers.

const LENGTH = 624;
const MIDDLE = 397;

export class RandomState {
  #state = new Uint32Array(LENGTH);
  #place = LENGTH;
  #spare = null;

  /** `seed` is a whole number from 0 to 2**32 - 1. */
  constructor(seed) {
    const state = this.#state;
    state[0] = seed;
    for (let place = 1; place < LENGTH; place += 1) {
      const before = state[place - 1];
      state[place] = Math.imul(1812433253, before ^ (before >>> 30)) + place;
    }
  }

  /** The next number in [0, 1), of 53 random bits. */
  uniform() {
    const high = this.#next() >>> 5;
    const low = this.#next() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** The next standard normal number; they are made in pairs. */
  normal() {
    if (this.#spare !== null) {
      const spare = this.#spare;
      this.#spare = null;
      return spare;
    }
    const [first, second] = normalPair(() => this.uniform());
    this.#spare = second;
    return first;
  }

  #next() {
    if (this.#place === LENGTH) this.#twist();
    let word = this.#state[this.#place];
    this.#place += 1;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  #twist() {
    const state = this.#state;
    for (let place = 0; place < LENGTH; place += 1) {
      const mixed = (state[place] & 0x80000000) | (state[(place + 1) % LENGTH] & 0x7fffffff);
      const odd = mixed & 1 ? 0x9908b0df : 0;
      state[place] = state[(place + MIDDLE) % LENGTH] ^ (mixed >>> 1) ^ odd;
    }
    this.#place = 0;
  }
}

/** Two normal numbers from uniform ones (Marsaglia and Bray 1964), in the order of NumPy. */
export function normalPair(uniform) {
  for (;;) {
    const x = 2 * uniform() - 1;
    const y = 2 * uniform() - 1;
    const square = x * x + y * y;
    if (square >= 1 || square === 0) continue;
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    return [factor * y, factor * x];
  }
}

/** The noise of a picture: `dim` standard normal numbers, as captiongan.draw.noise has them. */
export function noiseOf(seed, dim) {
  const stream = new RandomState(seed);
  return Float32Array.from({ length: dim }, () => stream.normal());
}

/** The bit of a seed by which a bundle that mirrors by seed mirrors its picture. */
export function mirrorOf(seed, dim) {
  const stream = new RandomState(seed);
  for (let place = 0; place < dim; place += 1) stream.normal();
  return stream.uniform() < 0.5;
}
