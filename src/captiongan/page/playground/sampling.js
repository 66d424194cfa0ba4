// Batches: rows drawn one by one.

import { Tensor } from "./tensor.js";

/** A tensor of `count` rows; `row()` gives the numbers of the next one. */
export function rows(count, columns, row) {
  const made = new Tensor(count, columns);
  for (let place = 0; place < count; place += 1) made.data.set(row(place), place * columns);
  return made;
}

/** Standard normal numbers: z. */
export function noise(count, columns, random) {
  const made = new Tensor(count, columns);
  for (let place = 0; place < made.data.length; place += 1) made.data[place] = random.normal();
  return made;
}

export function pick(list, random) {
  return list[Math.floor(list.length * random.uniform())];
}

/** Zeros, with a one at each of `places`. */
export function hot(size, ...places) {
  const row = new Array(size).fill(0);
  for (const place of places) row[place] = 1;
  return row;
}

/** The same row for each of `count`. */
export const repeated = (count, row) => rows(count, row.length, () => row);
