// Paths between noises and between texts, as captiongan.draw.interpolation has them.

const { fround } = Math;

/** `steps` numbers from 0 to 1, both ends counted. */
function shares(steps) {
  return Array.from({ length: steps }, (_, place) => (place === steps - 1 ? 1 : place * (1 / (steps - 1))));
}

/** From text to text on a straight line: `steps` vectors. */
export function line(start, end, steps) {
  return shares(steps).map((share) => onLine(start, end, share));
}

/** From noise to noise on a great circle: `steps` vectors. */
export function arc(start, end, steps) {
  return shares(steps).map((share) => onArc(start, end, share));
}

/** The noise at a share of the arc, 0 to 1. */
export function onArc(start, end, share) {
  const cosine = product(start, end) / Math.sqrt(product(start, start) * product(end, end));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (angle < 1e-3) return onLine(start, end, share);
  const from = Math.sin((1 - share) * angle);
  const to = Math.sin(share * angle);
  return start.map((value, place) => (from * value + to * end[place]) / Math.sin(angle));
}

function onLine(start, end, share) {
  const to = fround(share);
  const from = fround(1 - to);
  return start.map((value, place) => fround(from * value) + fround(to * end[place]));
}

/** From stop to stop, each leg in so many steps; a stop between two legs is there once. */
export function through(stops, steps, between) {
  const legs = stops.slice(1).map((end, place) => between(stops[place], end, steps).slice(0, -1));
  return [...legs.flat(), stops.at(-1)];
}

function product(one, other) {
  return one.reduce((sum, value, place) => sum + value * other[place], 0);
}
