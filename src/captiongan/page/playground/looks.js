// What the page shows of a discriminator of points.

import { SIDE } from "./shapes.js";
import { repeated, rows } from "./sampling.js";
import { backward, Tensor } from "./tensor.js";

/** How real D holds each place of a map of cells x cells to be, row by row from the top. */
export function beliefs(game, cells, text = null) {
  const at = (place) => SIDE * ((2 * place + 1) / cells - 1);
  const places = rows(cells ** 2, 2, (cell) => [at(cell % cells), -at(Math.floor(cell / cells))]);
  const logits = game.D(places, text && repeated(cells ** 2, text));
  return Float32Array.from(logits.data, game.loss.belief);
}

/** Where each generated point would go to please D: minus the gradient of its own loss. */
export function pulls(game, generated, text = null) {
  const points = new Tensor(generated.rows, 2, generated.data, true);
  backward(game.loss.generated(game.D(points, text && repeated(generated.rows, text))));
  return Float32Array.from(points.grad, (slope) => -slope * generated.rows);
}
