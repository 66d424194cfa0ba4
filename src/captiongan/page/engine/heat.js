// How a picture changes without a word, as heat over it: captiongan.draw.explanation.

const SMOOTHING = 1 / 32;
const LEAST_SCALE = 32;

/** The sentence without each of its words in turn. */
export function withoutEach(words) {
  return words.map((_, place) => words.filter((_, other) => other !== place).join(" "));
}

/** Levels by which two images of one size differ at each place, smoothed. */
export function changeOf(one, other) {
  const { width: side, pixels } = one;
  const differences = Float32Array.from({ length: side * side }, (_, place) => {
    let sum = 0;
    for (let at = 3 * place; at < 3 * place + 3; at += 1) sum += Math.abs(pixels[at] - other.pixels[at]);
    return sum / 3;
  });
  const blur = blurOf(side);
  const down = smoothed(differences, blur, (line, at) => at * side + line);
  return smoothed(down, blur, (line, at) => line * side + at).map(Math.round);
}

/** Heat maps over an image: full heat is the largest change of any word. */
export function heatOf(image, changes) {
  const scale = Math.max(LEAST_SCALE, ...changes.map((change) => change.reduce((a, b) => Math.max(a, b))));
  return changes.map((change) => ({ ...image, pixels: glowing(image.pixels, change, scale) }));
}

export function meanOf(change) {
  return Math.round((100 * change.reduce((sum, each) => sum + each)) / change.length) / 100;
}

function glowing(pixels, change, scale) {
  const result = new Uint8Array(pixels.length);
  change.forEach((level, place) => {
    const share = level / scale;
    const [red, green, blue] = pixels.subarray(3 * place, 3 * place + 3);
    const grey = 0.2 * (red + green + blue);
    const glow = [255, 60 + 180 * share, 40];
    result.set(glow.map((colour) => Math.round(grey + (colour - grey) * share)), 3 * place);
  });
  return result;
}

// Rows of weights with the sum 1.
function blurOf(side) {
  const places = Array.from({ length: side }, (_, place) => place);
  return places.map((row) => {
    const weights = places.map((place) => Math.exp(-(((row - place) / (SMOOTHING * side)) ** 2) / 2));
    const sum = weights.reduce((one, other) => one + other);
    return weights.map((weight) => weight / sum);
  });
}

function smoothed(values, blur, placeOf) {
  const result = new Float32Array(values.length);
  for (let line = 0; line < blur.length; line += 1) {
    blur.forEach((weights, at) => {
      let sum = 0;
      weights.forEach((weight, other) => { sum += weight * values[placeOf(line, other)]; });
      result[placeOf(line, at)] = sum;
    });
  }
  return result;
}
