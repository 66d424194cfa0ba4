// The studio's engine without a server: a worker that draws, fed with the parts of this page.

import { unpacked } from "./unpack.js";

export class Local {
  formats = ["png"];
  #site;
  #parts;
  #onProgress;
  #worker = null;
  #ready = new Map(); // what has been loaded, or is being: promises by name
  #waiting = new Map(); // {resolve, reject} by the number of a message
  #last = 0;

  /**
   * @param site what the page says of its bundles and parts
   * @param parts where they are: `get(id, onBytes)` resolves to bytes, or to base64
   * @param onProgress is called with the bytes that are there and those that are needed
   */
  constructor(site, parts, onProgress = () => {}) {
    this.#site = site;
    this.#parts = parts;
    this.#onProgress = onProgress;
  }

  async bundles() {
    return this.#site.answer;
  }

  draw(request, signal) {
    return this.#ask("draw", request, signal);
  }

  between(request, signal) {
    return this.#ask("between", request, signal);
  }

  explain(request, signal) {
    return this.#ask("explain", request, signal);
  }

  /** A PNG of what the verb draws, "draw" or "between": a sheet, or a strip. */
  async file(verb, request) {
    return new Blob([await this.#ask(`${verb}File`, request)], { type: "image/png" });
  }

  async #ask(method, request, signal) {
    const bundle = request.bundle ?? this.#site.answer.default;
    await this.#open(bundle);
    if (request.best_of > 1) await this.#once(`ranker of ${bundle}`, () => this.#rank(bundle));
    signal?.throwIfAborted();
    return this.#tell({ verb: "ask", bundle, method, request }, signal);
  }

  /** Load what a bundle needs, all at once, with the runtime if it is the first. */
  async #open(bundle) {
    const start = this.#once("runtime", () => this.#start());
    await this.#once(bundle, async () => {
      const { files, answer, marks } = this.#site;
      const { generator, text_encoder, tokenizer } = files[bundle];
      const parts = await this.#get({ generator, text_encoder, tokenizer });
      await start;
      const facts = answer.bundles.find(({ name }) => name === bundle);
      await this.#tell({ verb: "open", facts, files: parts, marks });
    });
  }

  async #start() {
    const { runtime, worker } = await this.#get({ runtime: this.#site.runtime, worker: this.#site.worker });
    const script = new Blob([await unpacked(worker)], { type: "text/javascript" });
    this.#worker = new Worker(URL.createObjectURL(script));
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    this.#worker.onerror = (event) => this.#fail(event.message ?? "its script did not start");
    await this.#tell({ verb: "start", runtime });
  }

  async #rank(bundle) {
    const { ranker } = await this.#get({ ranker: this.#site.files[bundle].ranker });
    await this.#tell({ verb: "rank", bundle, ranker });
  }

  /** Do what is needed once; try again if it failed. */
  #once(name, work) {
    if (!this.#ready.has(name)) {
      const promise = work();
      promise.catch(() => this.#ready.delete(name));
      this.#ready.set(name, promise);
    }
    return this.#ready.get(name);
  }

  async #get(wanted) {
    const names = Object.keys(wanted);
    const contents = await Promise.all(
      names.map((name) => this.#parts.get(wanted[name], this.#onProgress)),
    );
    return Object.fromEntries(names.map((name, place) => [name, contents[place]]));
  }

  #tell(message, signal) {
    const id = (this.#last += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      signal?.addEventListener("abort", () => {
        if (!this.#waiting.delete(id)) return;
        this.#worker.postMessage({ verb: "forget", of: id });
        reject(signal.reason);
      });
      this.#worker.postMessage({ id, ...message });
    });
  }

  #hear({ id, answer, error }) {
    const { resolve, reject } = this.#waiting.get(id) ?? {};
    this.#waiting.delete(id);
    if (error) reject?.(Object.assign(new Error(error.message), { field: error.field, status: error.field ? 422 : 0 }));
    else resolve?.(answer);
  }

  #fail(why) {
    for (const { reject } of this.#waiting.values()) reject(new Error(`the page cannot draw (${why})`));
    this.#waiting.clear();
  }
}
