// Adam (Kingma and Ba 2015), with the momentum that DCGAN takes for GANs.

import { backward } from "./tensor.js";

const BETA1 = 0.5;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export class Adam {
  constructor(network) {
    this.parameters = network.parameters;
    this.means = this.parameters.map(({ data }) => new Float64Array(data.length));
    this.squares = this.parameters.map(({ data }) => new Float64Array(data.length));
    this.steps = 0;
  }

  /** Compute a loss of the network, which alone learns from it; take a step down. */
  step(loss, rate) {
    for (const parameter of this.parameters) parameter.grad = null;
    backward(loss);
    this.steps += 1;
    const first = 1 - BETA1 ** this.steps;
    const second = Math.sqrt(1 - BETA2 ** this.steps);
    this.parameters.forEach(({ data, grad }, place) => {
      const mean = this.means[place];
      const square = this.squares[place];
      for (let at = 0; at < data.length; at += 1) {
        mean[at] += (1 - BETA1) * (grad[at] - mean[at]);
        square[at] += (1 - BETA2) * (grad[at] ** 2 - square[at]);
        data[at] -= ((rate / first) * mean[at]) / (Math.sqrt(square[at]) / second + EPSILON);
      }
    });
  }
}
