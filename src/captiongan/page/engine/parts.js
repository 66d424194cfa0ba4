// Where the parts of a page are: in the page itself, or in files beside it.

/** Parts that lie in the page, in base64. */
export class PartsInside {
  #sizes;

  constructor(sizes) {
    this.#sizes = sizes;
  }

  async get(id, onBytes) {
    const text = document.getElementById(`part-${id}`)?.textContent ?? "";
    if (text.length !== this.#sizes[id]) {
      throw new Error("this page is incomplete: its file was cut short; get it again");
    }
    onBytes(id, text.length, text.length);
    return text;
  }
}

/** Parts that are files of a folder; browsers keep them, as their names tell their content. */
export class PartsBeside {
  #sizes;
  #folder;
  #coming = new Map(); // promises by id: bundles share parts

  constructor(sizes, folder) {
    this.#sizes = sizes;
    this.#folder = folder;
  }

  get(id, onBytes) {
    if (!this.#coming.has(id)) {
      onBytes(id, 0, this.#sizes[id]);
      const promise = this.#fetch(id, onBytes);
      const forget = () => this.#coming.delete(id);
      promise.then(forget, forget);
      this.#coming.set(id, promise);
    }
    return this.#coming.get(id);
  }

  async #fetch(id, onBytes) {
    const answer = await fetch(new URL(`parts/${id}`, this.#folder)).catch(() => {
      throw new Error(location.protocol === "file:"
        ? "this folder needs a web server; try `python -m http.server` in it, or make the page one file"
        : "a part of this page cannot be loaded; see whether you are connected");
    });
    if (!answer.ok) throw new Error(`a part of this page is missing (${answer.status})`);
    const size = this.#sizes[id];
    const bytes = new Uint8Array(size);
    let there = 0;
    for (const reader = answer.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (there + value.length > size) break;
      bytes.set(value, there);
      there += value.length;
      onBytes(id, there, size);
    }
    return bytes.subarray(0, there);
  }
}
