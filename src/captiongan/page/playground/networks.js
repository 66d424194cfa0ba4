// Fully connected networks, as in the paper of 2014.

import { beside, leaky, linear } from "./operations.js";
import { Tensor } from "./tensor.js";

/**
 * A network that one calls: G(z), G(z, e), D(x), D(x, e).
 *
 * @param sizes how many numbers go in, lie in each hidden layer, and come out
 * @param last what the numbers go through in the end, such as tanh
 */
export function network(sizes, random, last = (x) => x) {
  const layers = sizes.slice(1).map((outs, place) => layer(sizes[place], outs, random));
  const run = (x, e = null) =>
    last(layers.reduce(
      (h, { weight, bias }, place) => linear(place ? leaky(h) : h, weight, bias),
      e ? beside(x, e) : x,
    ));
  run.parameters = layers.flatMap(({ weight, bias }) => [weight, bias]);
  return run;
}

// First weights as He et al. 2015 have them for rectifiers: the signal keeps its size.
function layer(ins, outs, random) {
  const size = Math.sqrt(2 / ins);
  const weight = new Tensor(outs, ins, Float64Array.from({ length: outs * ins }, () => size * random.normal()));
  return { weight, bias: new Tensor(1, outs) };
}
