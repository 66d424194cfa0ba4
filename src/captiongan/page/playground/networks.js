// The players: fully connected as in the paper of 2014, or convolutional as DCGAN.

import { double, halve } from "./convolutions.js";
import { beside, leaky, linear, tanh } from "./operations.js";
import { Tensor } from "./tensor.js";

/**
 * A fully connected network that one calls: G(z), G(z, e), D(x), D(x, e).
 *
 * @param sizes how many numbers go in, lie in each hidden layer, and come out
 */
export function network(sizes, random) {
  const layers = sizes.slice(1).map((outs, place) => layer(sizes[place], outs, random));
  return callable(layers, (x, e) =>
    layers.reduce((h, each, place) => full(place ? leaky(h) : h, each), joined(x, e)));
}

/** DCGAN's generator, from noise and text to pictures of 16 x 16: project and reshape, double twice. */
export function pictureGenerator(noise, words, channels, random) {
  const [project, ...doubles] = [
    layer(noise + words, 16 * channels, random),
    layer(channels, 8 * channels, random, 4 * channels), // four patches overlap at each place
    layer(channels / 2, 16 * 3, random, 100 * channels), // begins grey, where tanh is steep
  ];
  return callable([project, ...doubles], (z, e) => {
    const coarse = leaky(full(joined(z, e), project));
    return tanh(double(leaky(double(coarse, 4, doubles[0])), 8, doubles[1]));
  });
}

/** The way back: halve twice, then compare with the text. */
export function pictureDiscriminator(words, channels, hidden, random) {
  const halves = [layer(16 * 3, channels / 2, random), layer(8 * channels, channels, random)];
  const compare = [layer(16 * channels + words, hidden, random), layer(hidden, 1, random)];
  return callable([...halves, ...compare], (x, e) => {
    const features = leaky(halve(leaky(halve(x, 16, halves[0])), 8, halves[1]));
    return full(leaky(full(joined(features, e), compare[0])), compare[1]);
  });
}

const full = (x, { weight, bias }) => linear(x, weight, bias);
const joined = (x, e) => (e ? beside(x, e) : x);

function callable(layers, run) {
  const network = (x, e = null) => run(x, e);
  network.parameters = layers.flatMap(({ weight, bias }) => [weight, bias]);
  return network;
}

// First weights as He et al. 2015 have them for rectifiers: the signal keeps its size, if `fan` is
// how many numbers add up to each one that comes out.
function layer(ins, outs, random, fan = ins) {
  const size = Math.sqrt(2 / fan);
  const weight = new Tensor(outs, ins, Float64Array.from({ length: outs * ins }, () => size * random.normal()));
  return { weight, bias: new Tensor(1, outs) };
}
