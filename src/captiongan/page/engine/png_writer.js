// PNG files with what captiongan writes into them, made without a canvas: browsers may blur those.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const GAP = 2;

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  return value;
});

/**
 * Write a PNG.
 *
 * @param image {width, height, pixels}: three bytes a pixel, row by row
 * @param texts {keyword: text}
 */
export async function png({ width, height, pixels }, texts) {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2], 8); // eight bits, RGB
  const rows = new Uint8Array(height * (3 * width + 1)); // each begins with its filter, none
  for (let row = 0; row < height; row += 1) {
    rows.set(pixels.subarray(3 * width * row, 3 * width * (row + 1)), row * (3 * width + 1) + 1);
  }
  const chunks = Object.entries(texts).map(([keyword, text]) => chunk("iTXt", textOf(keyword, text)));
  return joined([
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    ...chunks,
    chunk("IDAT", await deflated(rows)),
    chunk("IEND", new Uint8Array()),
  ]);
}

/** Lay rows of images of one size on a white sheet, as captiongan.draw does. */
export function sheet(rows) {
  const { width, height } = rows[0][0];
  const columns = Math.max(...rows.map((row) => row.length));
  const whole = {
    width: columns * (width + GAP) + GAP,
    height: rows.length * (height + GAP) + GAP,
  };
  const pixels = new Uint8Array(3 * whole.width * whole.height).fill(255);
  rows.forEach((row, y) => row.forEach((image, x) => {
    for (let line = 0; line < height; line += 1) {
      const top = y * (height + GAP) + GAP + line;
      const start = 3 * (top * whole.width + x * (width + GAP) + GAP);
      pixels.set(image.pixels.subarray(3 * width * line, 3 * width * (line + 1)), start);
    }
  }));
  return { ...whole, pixels };
}

/** Arrange items in rows, as square as their number allows. */
export function inASquare(items) {
  const columns = Math.ceil(Math.sqrt(items.length));
  const rows = [];
  for (let start = 0; start < items.length; start += columns) {
    rows.push(items.slice(start, start + columns));
  }
  return rows;
}

/** The image, mirrored left to right. */
export function mirrored({ width, height, pixels }) {
  const turned = new Uint8Array(pixels.length);
  for (let from = 0; from < width * height; from += 1) {
    const column = from % width;
    const to = from - column + (width - 1 - column);
    turned.set(pixels.subarray(3 * from, 3 * from + 3), 3 * to);
  }
  return { width, height, pixels: turned };
}

export function base64(bytes) {
  if (bytes.toBase64) return bytes.toBase64();
  let letters = "";
  for (let start = 0; start < bytes.length; start += 8192) {
    letters += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(letters);
}

// keyword 0, not compressed, language 0, translated keyword 0, text in UTF-8
function textOf(keyword, text) {
  return new TextEncoder().encode(`${keyword}\0\0\0\0\0${text}`);
}

function chunk(type, data) {
  const bytes = joined([new Uint8Array(4), new TextEncoder().encode(type), data, new Uint8Array(4)]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  view.setUint32(bytes.length - 4, crc(bytes.subarray(4, -4)));
  return bytes;
}

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
