// Clouds of points to learn, within `SIDE` of the middle.

import { pick } from "./sampling.js";

export const SIDE = 1.6;
const NARROW = 0.06;

const turn = (share) => [Math.cos(2 * Math.PI * share), Math.sin(2 * Math.PI * share)];
const RING = Array.from({ length: 8 }, (_, place) => turn(place / 8).map((at) => 1.1 * at));
const GRID = [-1, 0, 1].flatMap((x) => [-1, 0, 1].map((y) => [x, y]));

/** Each cloud: `point(random)`, and its `modes`, if it has some that one can count. */
export const SHAPES = {
  ring: { modes: RING, point: (random) => near(pick(RING, random), NARROW, random) },
  grid: { modes: GRID, point: (random) => near(pick(GRID, random), NARROW, random) },
  moons: { modes: [], point: moon },
  line: { modes: [], point: (random) => near(along(2 * random.uniform() - 1), NARROW / 2, random) },
};

function moon(random) {
  const [x, y] = turn(random.uniform() / 2);
  const upper = random.uniform() < 0.5;
  return near(upper ? [0.9 * x - 0.45, 0.9 * y - 0.2] : [0.45 - 0.9 * x, 0.2 - 0.9 * y], NARROW, random);
}

const along = (share) => [1.2 * share, 0.7 * share];

function near([x, y], size, random) {
  return [x + size * random.normal(), y + size * random.normal()];
}

/** How many modes have at least a fair fortieth of the points near them. */
export function covered(modes, points) {
  const count = points.length / 2;
  return modes.filter(([x, y]) => {
    let close = 0;
    for (let at = 0; at < points.length; at += 2) {
      if (Math.hypot(points[at] - x, points[at + 1] - y) < 4 * NARROW) close += 1;
    }
    return close >= count / modes.length / 4;
  }).length;
}
