// Parts of a page: compressed by gzip, whose checksum tells a damaged one.

/** Unpack the bytes of a part, or its base64; throws Error where it is damaged. */
export async function unpacked(part) {
  try {
    const bytes = typeof part === "string" ? bytesOf(part) : part;
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Error("a part of this page is damaged; get the page again");
  }
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const letters = atob(base64);
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place += 1) bytes[place] = letters.charCodeAt(place);
  return bytes;
}
