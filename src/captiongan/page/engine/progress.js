// How far the loading is: over all parts that were asked for since nothing was on its way.

export class Progress {
  #parts = new Map(); // [there, size] by id
  #show;

  /** `show` is called with the share that is there, 0 to 1. */
  constructor(show) {
    this.#show = show;
  }

  /** Note that so many bytes of a part are there. */
  note(id, there, size) {
    this.#parts.set(id, [there, size]);
    const sums = [...this.#parts.values()].reduce((sum, each) => [sum[0] + each[0], sum[1] + each[1]]);
    this.#show(sums[0] / sums[1]);
    if (sums[0] === sums[1]) this.#parts.clear();
  }
}
