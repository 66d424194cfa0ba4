// What is painted: clouds of points over D's belief, and flowers.

import { WIDTH } from "./flower.js";
import { SIDE } from "./shapes.js";

/** The page's colours, which follow light and dark. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { real: of("two"), generated: of("one"), other: of("three"), ink: of("ink"), soft: of("soft"), line: of("line"), paper: of("raised") };
}

/** A canvas as large as it is on the screen, one unit to a pixel of CSS. */
export function sheet(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

/** Paint a panel of a scene of points. */
export function paintPoints(canvas, panel, palette, lit) {
  const { pen, width } = sheet(canvas);
  const at = (place) => ((place / SIDE + 1) * width) / 2;
  const size = Math.max(width / 190, 1.6);
  paintBeliefs(pen, panel.beliefs, width, palette);
  const seen = (...terms) => lit === null || terms.includes(lit) || lit === "D" || lit === "G";
  pen.globalAlpha = seen("mismatch") ? 0.9 : 0.25;
  for (const cloud of panel.others ?? []) marks(pen, cloud, at, size, "hollow", palette.other);
  pen.globalAlpha = seen("real") ? 0.85 : 0.25;
  marks(pen, panel.real, at, size, "disc", palette.real);
  pen.globalAlpha = seen("generated") ? 0.75 : 0.2;
  arrows(pen, panel, at, palette.ink);
  pen.globalAlpha = seen("fake", "generated") ? 0.9 : 0.25;
  marks(pen, panel.generated, at, size * 1.15, "diamond", palette.generated);
  pen.globalAlpha = 1;
}

// Fake in one colour, real in the other; nothing where D does not know.
function paintBeliefs(pen, beliefs, width, palette) {
  const cells = Math.sqrt(beliefs.length);
  const [real, fake] = [rgb(palette.real), rgb(palette.generated)];
  const image = new ImageData(cells, cells);
  beliefs.forEach((belief, cell) => {
    image.data.set(belief > 0.5 ? real : fake, 4 * cell);
    image.data[4 * cell + 3] = 130 * Math.abs(2 * belief - 1);
  });
  const small = new OffscreenCanvas(cells, cells);
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = true;
  pen.drawImage(small, 0, 0, width, width);
}

/** Paint the mark of one kind of points, for the key. */
export function paintMark(canvas, shape, colour) {
  const { pen, width } = sheet(canvas);
  marks(pen, [0, 0], () => width / 2, width / 3.6, shape, colour);
}

/** Paint the band from fake to real, for the key. */
export function paintBand(canvas, palette) {
  const { pen, width, height } = sheet(canvas);
  const band = pen.createLinearGradient(0, 0, width, 0);
  band.addColorStop(0, palette.generated);
  band.addColorStop(0.5, palette.paper);
  band.addColorStop(1, palette.real);
  pen.fillStyle = band;
  pen.fillRect(0, 2, width, height - 4);
}

/** Paint an arrow, for the key. */
export function paintArrow(canvas, colour) {
  const { pen, width, height } = sheet(canvas);
  pen.strokeStyle = colour;
  stroke(pen, 1, height - 2, width - 2, 2);
}

function marks(pen, points, at, size, shape, colour) {
  pen.fillStyle = pen.strokeStyle = colour;
  pen.lineWidth = 1;
  for (let place = 0; place < points.length; place += 2) {
    const [x, y] = [at(points[place]), at(-points[place + 1])];
    pen.beginPath();
    if (shape === "diamond") {
      pen.moveTo(x, y - size * 1.3);
      for (const [dx, dy] of [[1.3, 0], [0, 1.3], [-1.3, 0]]) pen.lineTo(x + dx * size, y + dy * size);
      pen.closePath();
    } else {
      pen.arc(x, y, size, 0, 2 * Math.PI);
    }
    if (shape === "hollow") pen.stroke();
    else pen.fill();
  }
}

// An arrow for every fourth generated point, as long as the pull is strong, within limits.
function arrows(pen, { generated, pulls }, at, colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  for (let place = 0; place < generated.length; place += 8) {
    const [x, y] = [generated[place], generated[place + 1]];
    const strength = Math.hypot(pulls[place], pulls[place + 1]);
    const length = Math.min(0.12 * strength, 0.35);
    if (length < 0.015) continue;
    const [dx, dy] = [(pulls[place] / strength) * length, (pulls[place + 1] / strength) * length];
    stroke(pen, at(x), at(-y), at(x + dx), at(-y - dy));
  }
}

function stroke(pen, x0, y0, x1, y1) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  const head = (turn) => {
    pen.moveTo(x1, y1);
    pen.lineTo(x1 - 4 * Math.cos(angle + turn), y1 - 4 * Math.sin(angle + turn));
  };
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  head(0.5);
  head(-0.5);
  pen.stroke();
}

/** Paint pictures of -1 to 1 in a row of four, each pixel a square. */
export function paintFlowers(canvas, pictures) {
  const count = pictures.length / (3 * WIDTH ** 2);
  const across = 4;
  const down = count / across;
  const gap = 1;
  const image = new ImageData(across * (WIDTH + gap) - gap, down * (WIDTH + gap) - gap);
  for (let picture = 0; picture < count; picture += 1) {
    const [left, top] = [(picture % across) * (WIDTH + gap), Math.floor(picture / across) * (WIDTH + gap)];
    for (let pixel = 0; pixel < WIDTH ** 2; pixel += 1) {
      const from = 3 * (picture * WIDTH ** 2 + pixel);
      const to = 4 * ((top + Math.floor(pixel / WIDTH)) * image.width + left + (pixel % WIDTH));
      for (let channel = 0; channel < 3; channel += 1) image.data[to + channel] = 127.5 * (pictures[from + channel] + 1);
      image.data[to + 3] = 255;
    }
  }
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// A colour #rgb or #rrggbb as three numbers.
function rgb(colour) {
  const digits = colour.slice(1);
  const wide = digits.length === 3 ? [...digits].map((digit) => digit + digit).join("") : digits;
  return [0, 2, 4].map((at) => Number.parseInt(wide.slice(at, at + 2), 16));
}
