// The way between two sentences or two noises, played there and back.

import { t } from "./language.js";
import { pngSource, setIcon } from "./parts.js";

export class Film {
  #image;
  #play;
  #position;
  #frames = [];
  #ahead = 1;
  #timer = null;
  #fps = 12;

  /** `onRest` is called with the frame where the film came to rest. */
  constructor({ image, play, position }, onRest) {
    this.#image = image;
    this.#play = play;
    this.#position = position;
    this.onRest = onRest;
    play.addEventListener("click", () => this.toggle());
    position.addEventListener("input", () => {
      this.pause();
      this.#turn(Number(position.value));
    });
    position.addEventListener("change", () => onRest(this.frame));
  }

  get frame() {
    return Number(this.#position.value);
  }

  get playing() {
    return this.#timer !== null;
  }

  set fps(value) {
    this.#fps = value;
    if (this.playing) this.#schedule();
  }

  /** Take new frames (base64 PNG) and stay where the film stands, or go to `frame`. */
  load(frames, describe, frame = this.frame) {
    this.#frames = frames;
    this.describe = describe;
    this.#position.max = frames.length - 1;
    this.#turn(Math.min(frame, frames.length - 1));
  }

  toggle() {
    if (this.playing) {
      this.pause();
      this.onRest(this.frame);
      return;
    }
    this.#schedule();
    this.#look(t("Pause"), "pause");
  }

  pause() {
    if (!this.playing) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#look(t("Play"), "play");
  }

  #schedule() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#step(), 1000 / this.#fps);
  }

  #step() {
    const last = this.#frames.length - 1;
    if (last < 1) return;
    if (this.frame >= last) this.#ahead = -1;
    if (this.frame <= 0) this.#ahead = 1;
    this.#turn(this.frame + this.#ahead);
  }

  #turn(frame) {
    if (!this.#frames.length) return;
    this.#position.value = frame;
    this.#image.src = pngSource(this.#frames[frame]);
    const share = frame / (this.#frames.length - 1);
    this.#position.setAttribute("aria-valuetext", t("{percent} % of the way", { percent: Math.round(100 * share) }));
    this.#image.alt = this.describe(share);
  }

  #look(label, name) {
    this.#play.setAttribute("aria-label", label);
    setIcon(this.#play, name);
  }
}
