// What networks and losses are made of; each operation knows its own gradient.

import { addProduct, addProductOfRows } from "./matrix.js";
import { computed } from "./tensor.js";

/** y = x Wᵀ + b, with W of (outputs, inputs) and b of (1, outputs). */
export function linear(x, weight, bias) {
  const [rows, ins, outs] = [x.rows, x.columns, weight.rows];
  const y = computed(rows, outs, [x, weight, bias], (grad) => {
    if (x.wanted) addProduct(x.gradient(), grad, outs, 1, weight.data, rows, outs, ins);
    if (!weight.wanted) return;
    addProduct(weight.gradient(), grad, 1, outs, x.data, outs, rows, ins);
    const slopes = bias.gradient();
    for (let place = 0; place < grad.length; place += 1) slopes[place % outs] += grad[place];
  });
  for (let row = 0; row < rows; row += 1) y.data.set(bias.data, row * outs);
  addProductOfRows(y.data, x.data, weight.data, rows, ins, outs);
  return y;
}

/** Two tensors side by side: to a picture its text, to a noise its text. */
export function beside(left, right) {
  const [rows, a, b] = [left.rows, left.columns, right.columns];
  const y = computed(rows, a + b, [left, right], (grad) => {
    for (let row = 0; row < rows; row += 1) {
      const at = row * (a + b);
      if (left.wanted) grad.subarray(at, at + a).forEach((slope, c) => (left.gradient()[row * a + c] += slope));
      if (right.wanted) grad.subarray(at + a, at + a + b).forEach((slope, c) => (right.gradient()[row * b + c] += slope));
    }
  });
  for (let row = 0; row < rows; row += 1) {
    y.data.set(left.data.subarray(row * a, (row + 1) * a), row * (a + b));
    y.data.set(right.data.subarray(row * b, (row + 1) * b), row * (a + b) + a);
  }
  return y;
}

/** A function of each number; `slope(x, y)` is its derivative. */
function each(x, f, slope) {
  const y = computed(x.rows, x.columns, [x], (grad) => {
    const to = x.gradient();
    for (let place = 0; place < grad.length; place += 1) {
      to[place] += grad[place] * slope(x.data[place], y.data[place]);
    }
  });
  for (let place = 0; place < y.data.length; place += 1) y.data[place] = f(x.data[place]);
  return y;
}

/** The leaky rectifier; written out, as half of the time goes here otherwise. */
export function leaky(x) {
  const from = x.data;
  const y = computed(x.rows, x.columns, [x], (grad) => {
    const to = x.gradient();
    for (let place = 0; place < grad.length; place += 1) to[place] += from[place] > 0 ? grad[place] : 0.2 * grad[place];
  });
  const into = y.data;
  for (let place = 0; place < into.length; place += 1) into[place] = from[place] > 0 ? from[place] : 0.2 * from[place];
  return y;
}

export const tanh = (x) => each(x, Math.tanh, (_, y) => 1 - y * y);
export const relu = (x) => each(x, (v) => Math.max(v, 0), (v) => (v > 0 ? 1 : 0));
export const square = (x) => each(x, (v) => v * v, (v) => 2 * v);
export const plus = (x, number) => each(x, (v) => v + number, () => 1);
export const times = (x, number) => each(x, (v) => v * number, () => number);
export const minus = (x) => times(x, -1);

/** log(1 + eˣ), which never takes the logarithm of zero. */
export const softplus = (x) =>
  each(x, (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))), sigmoid);

/** 1 / (1 + e⁻ˣ), of a plain number. */
export function sigmoid(x) {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** The mean of all numbers. */
export function mean(x) {
  const size = x.data.length;
  const y = computed(1, 1, [x], ([slope]) => {
    const to = x.gradient();
    for (let place = 0; place < size; place += 1) to[place] += slope / size;
  });
  y.data[0] = x.data.reduce((sum, value) => sum + value, 0) / size;
  return y;
}

/** The sum of losses. */
export function sum(...losses) {
  const y = computed(1, 1, losses, ([slope]) => {
    for (const loss of losses) if (loss.wanted) loss.gradient()[0] += slope;
  });
  y.data[0] = losses.reduce((total, loss) => total + loss.value, 0);
  return y;
}
