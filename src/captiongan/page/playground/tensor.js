// Matrices that remember how they were computed, so that gradients find the way back.

/** Rows of numbers: one row for each point, picture or pair of a batch. */
export class Tensor {
  /** @param wanted whether anyone wants the gradient */
  constructor(rows, columns, data = new Float64Array(rows * columns), wanted = false) {
    Object.assign(this, { rows, columns, data, wanted });
    this.grad = null;
    this.inputs = [];
    this.passBack = null;
  }

  /** The same numbers, through which no gradient flows. */
  detach() {
    return new Tensor(this.rows, this.columns, this.data);
  }

  /** The only number of a loss. */
  get value() {
    return this.data[0];
  }

  /** The gradient to add to. */
  gradient() {
    this.grad ??= new Float64Array(this.data.length);
    return this.grad;
  }
}

/** A tensor computed from `inputs`; `passBack(grad)` adds to the gradients of those that want it. */
export function computed(rows, columns, inputs, passBack) {
  const made = new Tensor(rows, columns);
  made.wanted = inputs.some((each) => each.wanted);
  if (made.wanted) Object.assign(made, { inputs, passBack });
  return made;
}

/** Compute the gradient of a loss in everything that it depends on and that wants one. */
export function backward(loss) {
  loss.gradient()[0] = 1;
  for (const tensor of inOrder(loss).reverse()) tensor.passBack?.(tensor.grad);
}

// All that leads to a tensor, inputs before what is computed from them.
function inOrder(tensor, seen = new Set()) {
  if (seen.has(tensor)) return [];
  seen.add(tensor);
  return [...tensor.inputs.flatMap((each) => inOrder(each, seen)), tensor];
}
