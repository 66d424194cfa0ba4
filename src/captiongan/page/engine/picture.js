// <captiongan-picture prompt="a red flower" seed="7">: a picture that the browser draws.
//
// Further attributes: bundle, truncation. It draws again when one changes. After that it sends the
// event "drawn", or "refused" with the reason as `detail`.

import { Local } from "./local.js";
import { PartsBeside } from "./parts.js";

const HERE = import.meta.url;

let opening = null; // one engine for all pictures of a page

function engine() {
  opening ??= fetch(new URL("site.json", HERE))
    .then((answer) => answer.json())
    .then((site) => new Local(site, new PartsBeside(site.parts, HERE)));
  return opening;
}

const style = new CSSStyleSheet();
style.replaceSync(`
  :host { display: inline-block; width: 16rem; }
  :host([hidden]) { display: none; }
  img { display: block; width: 100%; aspect-ratio: 1; }
  img:not([src]) { visibility: hidden; }
  p:empty { display: none; }
`);

class CaptionganPicture extends HTMLElement {
  static observedAttributes = ["prompt", "seed", "bundle", "truncation"];
  #image = document.createElement("img");
  #words = document.createElement("p");
  #drawing = null; // the AbortController of the newest request

  constructor() {
    super();
    this.#image.alt = "";
    this.#words.setAttribute("role", "status");
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    root.append(this.#image, this.#words);
  }

  connectedCallback() {
    this.#draw();
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#draw();
  }

  async #draw() {
    this.#drawing?.abort();
    this.#drawing = new AbortController();
    const { signal } = this.#drawing;
    await Promise.resolve(); // several attributes may change at once
    if (signal.aborted) return;
    try {
      const { pictures } = await (await engine()).draw(this.#request(), signal);
      if (signal.aborted) return;
      this.#show(pictures[0]);
    } catch (error) {
      if (!signal.aborted) this.#refuse(error.message);
    }
  }

  #request() {
    const number = (name, otherwise) => Number(this.getAttribute(name) ?? otherwise);
    const bundle = this.getAttribute("bundle");
    return {
      prompt: this.getAttribute("prompt") ?? "",
      seed: number("seed", 0),
      truncation: number("truncation", 1),
      ...(bundle ? { bundle } : {}),
    };
  }

  #show({ png, prompt }) {
    this.#image.src = `data:image/png;base64,${png}`;
    this.#image.alt = prompt;
    this.#words.textContent = "";
    this.dispatchEvent(new CustomEvent("drawn"));
  }

  #refuse(reason) {
    this.#words.textContent = reason;
    this.dispatchEvent(new CustomEvent("refused", { detail: reason }));
  }
}

customElements.define("captiongan-picture", CaptionganPicture);
