// The large picture beside the variations: one of them, or the picture that they vary.

import { t } from "./language.js";
import { pngSource } from "./parts.js";

export class CloseUp {
  #image;
  #caption;

  constructor(image, caption) {
    this.#image = image;
    this.#caption = caption;
    this.picture = null;
  }

  show(picture) {
    this.picture = picture;
    const { prompt, seed, around, strength, png } = picture;
    const words = around === undefined
      ? t("Seed {seed}, and what is near it", { seed })
      : t("{percent} % of the way from seed {around} to seed {seed}",
        { percent: Math.round(100 * strength), around, seed });
    this.#image.src = pngSource(png);
    this.#image.alt = `${prompt}: ${words}`;
    this.#caption.textContent = words;
  }

  clear() {
    this.picture = null;
  }

  /** Whether it is this picture, perhaps drawn anew. */
  shows({ seed, around }) {
    return this.picture?.seed === seed && this.picture.around === around;
  }
}
