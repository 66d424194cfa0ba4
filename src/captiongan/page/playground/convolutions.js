// Convolutions with 4 x 4 kernels and stride 2, as DCGAN has them: patches, and one layer for all.

import { linear } from "./operations.js";
import { computed } from "./tensor.js";

const KERNEL = 4;

/** Halve the sides: each place of the result looks at a patch of 4 x 4. */
export function halve(x, side, { weight, bias }) {
  const places = (side / 2) ** 2;
  return reshape(linear(patches(x, side), weight, bias), x.rows, places * weight.rows);
}

/** Double the sides: each place paints a patch of 4 x 4; where patches overlap they add up. */
export function double(x, side, { weight, bias }) {
  const places = reshape(x, x.rows * side ** 2, weight.columns);
  return painted(linear(places, weight, bias), 2 * side, x.rows);
}

/** The same numbers in other rows. */
export function reshape(x, rows, columns) {
  const y = computed(rows, columns, [x], (grad) => add(x.gradient(), grad));
  y.data.set(x.data);
  return y;
}

// (B, side² channels) to (B (side / 2)², 16 channels)
function patches(x, side) {
  const from = origins(side, x.columns / side ** 2);
  const y = computed((x.rows * side ** 2) / 4, (from.length * 4) / side ** 2, [x], (grad) =>
    paint(x.gradient(), grad, from, x.rows));
  look(x.data, y.data, from, x.rows);
  return y;
}

// The way back: (B (side / 2)², 16 channels) to (B, side² channels)
function painted(x, side, rows) {
  const from = origins(side, x.columns / KERNEL ** 2);
  const columns = (side ** 2 * x.columns) / KERNEL ** 2;
  const y = computed(rows, columns, [x], (grad) => {
    const looked = new Float64Array(x.data.length);
    look(grad, looked, from, rows);
    add(x.gradient(), looked);
  });
  paint(y.data, x.data, from, rows);
  return y;
}

// Copy all patches of a batch of pictures, with nothing where they hang over the rim.
function look(pictures, all, from, rows) {
  const [size, count] = [pictures.length / rows, from.length];
  for (let row = 0; row < rows; row += 1) {
    for (let place = 0; place < count; place += 1) {
      const at = from[place];
      all[row * count + place] = at < 0 ? 0 : pictures[row * size + at];
    }
  }
}

// Add all patches of a batch of pictures to the pictures.
function paint(pictures, all, from, rows) {
  const [size, count] = [pictures.length / rows, from.length];
  for (let row = 0; row < rows; row += 1) {
    for (let place = 0; place < count; place += 1) {
      const at = from[place];
      if (at >= 0) pictures[row * size + at] += all[row * count + place];
    }
  }
}

const known = new Map();

// Where each number of each patch lies in its picture; -1 beyond the rim.
function origins(side, channels) {
  const key = `${side} ${channels}`;
  if (!known.has(key)) known.set(key, Int32Array.from(listed(side, channels)));
  return known.get(key);
}

function* listed(side, channels) {
  for (let top = -1; top < side - 1; top += 2) {
    for (let left = -1; left < side - 1; left += 2) {
      for (let at = 0; at < KERNEL ** 2; at += 1) {
        const [y, x] = [top + Math.floor(at / KERNEL), left + (at % KERNEL)];
        const inside = x >= 0 && y >= 0 && x < side && y < side;
        for (let channel = 0; channel < channels; channel += 1) {
          yield inside ? (y * side + x) * channels + channel : -1;
        }
      }
    }
  }
}

function add(to, from) {
  for (let place = 0; place < from.length; place += 1) to[place] += from[place];
}
