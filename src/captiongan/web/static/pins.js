// Pinned pictures: they stay while the words change, so that prompts can be compared.

import { t } from "./language.js";
import { sentence } from "./messages.js";
import { element, icon, pngSource, shortened } from "./parts.js";

export const nameOf = ({ seed, around }) =>
  around === null ? t("seed {seed}", { seed }) : t("near seed {around}", { around });

/** The settings of a drawn picture, as the link keeps them. */
export function pinOf(picture, { bundle, truncation }) {
  const { prompt, seed, around = null, strength = 0.3 } = picture;
  return { bundle, prompt, seed, truncation, around, strength };
}

/** The request that draws a pin again. */
export function requestOf({ bundle, prompt, seed, truncation, around, strength }) {
  const near = around === null ? {} : { around, strength };
  return { prompt, n: 1, seed, truncation, bundle, ...near };
}

export class Pins {
  #section;
  #list;
  #draw;
  #on;

  /** `draw` resolves a request to a picture; `on` has what a pin can do: open, remove. */
  constructor(section, list, draw, on) {
    this.#section = section;
    this.#list = list;
    this.#draw = draw;
    this.#on = on;
  }

  async show(pins) {
    this.#section.hidden = pins.length === 0;
    const cards = pins.map((pin) => this.#card(pin));
    this.#list.replaceChildren(...cards);
    await Promise.all(pins.map((pin, place) => this.#fill(cards[place], pin)));
  }

  #card(pin) {
    const names = { prompt: pin.prompt, name: nameOf(pin) };
    const open = element("button", { type: "button", className: "picture",
      title: t("Go back to these words and this seed") },
      element("img", { alt: t("Pinned: {prompt}, {name}", names), width: 64, height: 64 }));
    open.addEventListener("click", () => this.#on.open(pin));
    const remove = element("button", { type: "button", className: "icon",
      "aria-label": t("Unpin {prompt}, {name}", names) }, icon("close"));
    remove.addEventListener("click", () => this.#on.remove(pin));
    return element("li", {}, open,
      element("p", {}, shortened(pin.prompt, 90),
        element("small", {}, `${nameOf(pin)} · ${pin.bundle}`)),
      remove);
  }

  async #fill(card, pin) {
    try {
      card.querySelector("img").src = pngSource((await this.#draw(requestOf(pin))).png);
    } catch (error) {
      card.querySelector("p").append(element("small", { className: "bad" }, sentence(error.message)));
    }
  }
}
