// Flowers of 16 x 16 pixels, drawn from what is asked for, and whether a picture has it.

import { CENTRES, PETALS } from "./words.js";

export const WIDTH = 16;
const GROUND = [38, 74, 46];

/** A flower as red, green and blue of each pixel, from -1 to 1. */
export function flower({ petals, centre }, random) {
  const count = 4 + Math.floor(3 * random.uniform());
  const turn = 2 * Math.PI * random.uniform();
  const radius = 5.4 + 1.4 * random.uniform();
  const [left, top] = [7.5 + 1.2 * random.uniform() - 0.6, 7.5 + 1.2 * random.uniform() - 0.6];
  const light = 0.9 + 0.15 * random.uniform();
  const picture = [];
  for (let pixel = 0; pixel < WIDTH ** 2; pixel += 1) {
    const [x, y] = [(pixel % WIDTH) - left, Math.floor(pixel / WIDTH) - top];
    const away = Math.hypot(x, y);
    const edge = radius * (0.8 + 0.2 * Math.cos(count * Math.atan2(y, x) + turn));
    const inPetals = within(edge - away + 0.5);
    const inCentre = within(2.4 - away + 0.5);
    for (let channel = 0; channel < 3; channel += 1) {
      const outer = mixed(GROUND[channel], light * PETALS[petals].colour[channel], inPetals);
      const value = mixed(outer, CENTRES[centre].colour[channel], inCentre);
      picture.push(Math.min(value, 255) / 127.5 - 1);
    }
  }
  return picture;
}

const within = (share) => Math.min(Math.max(share, 0), 1);
const mixed = (from, to, share) => from + (to - from) * share;

/** Whether petals and centre of a picture have the colours that were asked for. */
export function asItShould(picture, { petals, centre }) {
  return nearest(PETALS, picture, 3.5, 4.5) === petals && nearest(CENTRES, picture, 0, 1.6) === centre;
}

// The colour that the pixels from one distance of the middle to another have on average.
function nearest(list, picture, from, to) {
  const sum = [0, 0, 0];
  let count = 0;
  for (let pixel = 0; pixel < WIDTH ** 2; pixel += 1) {
    const away = Math.hypot((pixel % WIDTH) - 7.5, Math.floor(pixel / WIDTH) - 7.5);
    if (away < from || away > to) continue;
    count += 1;
    for (let channel = 0; channel < 3; channel += 1) sum[channel] += 127.5 * (picture[3 * pixel + channel] + 1);
  }
  const far = list.map(({ colour }) => Math.hypot(...colour.map((value, at) => value - sum[at] / count)));
  return far.indexOf(Math.min(...far));
}
