// The adversarial losses, on logits; see docs/lecture.md for why logits.

import { mean, minus, plus, relu, sigmoid, softplus, square } from "./operations.js";

const real = (logits) => mean(softplus(minus(logits))); // -log D(x)
const fake = (logits) => mean(softplus(logits)); // -log(1 - D(x))

/**
 * Each loss by its name: what D pays for a real pair and for a fake one, what G pays for its own.
 *
 * `belief` is how real D holds a pair to be, from 0 to 1, in the terms of the loss.
 */
export const LOSSES = {
  "non-saturating": { real, fake, generated: real, belief: sigmoid },
  minimax: { real, fake, generated: (logits) => minus(fake(logits)), belief: sigmoid },
  "least-squares": {
    real: (logits) => mean(square(plus(logits, -1))),
    fake: (logits) => mean(square(logits)),
    generated: (logits) => mean(square(plus(logits, -1))),
    belief: (logit) => Math.min(Math.max(logit, 0), 1),
  },
  hinge: {
    real: (logits) => mean(relu(plus(minus(logits), 1))),
    fake: (logits) => mean(relu(plus(logits, 1))),
    generated: (logits) => minus(mean(logits)),
    belief: (logit) => Math.min(Math.max((logit + 1) / 2, 0), 1),
  },
};
