// From a sentence to its embedding: the tokenizer, and the text encoder.

import { Tensor } from "../vendor/ort.wasm.bundle.min.mjs";
import { hintsOn } from "./hints.js";
import { Tokens } from "./tokens.js";

const REMEMBERED = 256;

export class Reader {
  #tokens;
  #session;
  #dim;
  #subject;
  #read = new Map();

  /** `rules` is the content of tokenizer.json; `session` runs text_encoder.onnx; for `subject` see hints.js. */
  constructor(rules, session, dim, subject) {
    this.#tokens = new Tokens(rules);
    this.#session = session;
    this.#dim = dim;
    this.#subject = subject;
  }

  /** All that is known of a text: {prompt, tokens, cut, words, unknown_words, embedding}, and the hints. */
  async read(prompt) {
    if (!this.#read.has(prompt)) {
      const { ids, tokens, cut } = this.#tokens.encode(prompt);
      const reading = { prompt, tokens, cut, ...this.#tokens.words(prompt), embedding: await this.#embed(ids) };
      this.#read.set(prompt, { ...reading, ...hintsOn(reading, this.#subject) });
      if (this.#read.size > REMEMBERED) this.#read.delete(this.#read.keys().next().value);
    }
    return this.#read.get(prompt);
  }

  async #embed(ids) {
    const token_ids = new Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]);
    const { data } = Object.values(await this.#session.run({ token_ids }))[0];
    if (data.length !== this.#dim) throw new Error("the text encoder does not fit the generator");
    return data.slice();
  }
}
