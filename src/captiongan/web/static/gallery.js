// The pictures: a grid in which arrow keys move, and a click or Enter chooses.

import { t } from "./language.js";
import { element, icon, pngSource } from "./parts.js";

export class Gallery {
  #list;
  #on;
  #pictures = [];
  #canEnd = false;

  /**
   * `on` has what a picture can do: choose, pin, download, end; each is given the picture; and
   * hasKeys, which tells whether P, D and F do so.
   */
  constructor(list, on) {
    this.#list = list;
    this.#on = on;
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("focusin", (event) => this.#reach(this.#placeOf(event.target)));
  }

  get pictures() {
    return this.#pictures;
  }

  /** Bring the keyboard to a picture, if there is one at that place. */
  focus(place) {
    this.#list.children[place]?.querySelector(".picture").focus();
  }

  /**
   * Show pictures; elements that are there already stay, so nothing flickers and focus is kept.
   *
   * @param pictures as the server answers
   * @param labels {of: picture => words, hint: what a click does, chosen: picture => bool,
   *   canEnd: whether a picture can be an end of a film}
   */
  show(pictures, labels) {
    this.#pictures = pictures;
    this.#canEnd = labels.canEnd;
    while (this.#list.children.length > pictures.length) this.#list.lastChild.remove();
    while (this.#list.children.length < pictures.length) this.#list.append(this.#cell());
    this.#list.style.setProperty("--columns", Math.ceil(Math.sqrt(pictures.length || 1)));
    pictures.forEach((picture, place) => {
      const cell = this.#list.children[place];
      const [choose, pin, save, end] = cell.querySelectorAll("button");
      const image = cell.querySelector("img");
      const source = pngSource(picture.png);
      if (image.src !== source) image.src = source;
      const words = labels.of(picture);
      image.alt = `${picture.prompt}, ${words}`;
      choose.title = labels.hint;
      choose.setAttribute("aria-pressed", String(labels.chosen?.(picture) ?? false));
      cell.querySelector(".caption").textContent = words;
      pin.setAttribute("aria-label", t("Pin {words}", { words }));
      save.setAttribute("aria-label", t("Download {words}", { words }));
      end.setAttribute("aria-label", t("Film to or from {words}", { words }));
      end.hidden = !labels.canEnd;
    });
    const reached = [...this.#list.children].findIndex((cell) => cell.matches(".reached"));
    this.#reach(Math.max(0, reached));
  }

  #cell() {
    const cell = element("li", {},
      element("button", { type: "button", className: "picture" },
        element("img", { alt: "", decoding: "sync", draggable: false })),
      element("span", { className: "caption", "aria-hidden": "true" }),
      element("span", { className: "tools" },
        element("button", { type: "button", className: "icon", title: t("Pin (P)") }, icon("pin")),
        element("button", { type: "button", className: "icon", title: t("Download PNG (D)") },
          icon("download")),
        element("button", { type: "button", className: "icon", title: t("An end of the film (F)") },
          icon("film"))));
    const acts = ["choose", "pin", "download", "end"];
    cell.querySelectorAll("button").forEach((button, place) => {
      button.addEventListener("click", () => this.#on[acts[place]](this.#of(cell)));
    });
    return cell;
  }

  #of(cell) {
    return this.#pictures[[...this.#list.children].indexOf(cell)];
  }

  #placeOf(target) {
    return [...this.#list.children].findIndex((cell) => cell.contains(target));
  }

  // Only one picture, and what belongs to it, is in the way of the Tab key.
  #reach(place) {
    [...this.#list.children].forEach((cell, each) => {
      cell.classList.toggle("reached", each === place);
      for (const button of cell.querySelectorAll("button")) {
        button.tabIndex = each === place ? 0 : -1;
      }
    });
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const place = this.#placeOf(event.target);
    const columns = getComputedStyle(this.#list).gridTemplateColumns.split(" ").length;
    const last = this.#pictures.length - 1;
    const to = {
      ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: last,
      ArrowUp: place - columns, ArrowDown: place + columns,
    }[event.key];
    const act = { p: "pin", d: "download", f: "end" }[event.key.toLowerCase()];
    if (to !== undefined) {
      event.preventDefault();
      if (to >= 0 && to <= last) this.#list.children[to].querySelector(".picture").focus();
    } else if (act && this.#on.hasKeys() && (act !== "end" || this.#canEnd)) {
      this.#on[act](this.#pictures[place]);
    }
  }
}
