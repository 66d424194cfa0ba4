// Small parts that the pages are made of.

export const $ = (id) => document.getElementById(id);

/** Make an element: properties by name, "data-" and "aria-" ones as attributes; then its children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

/** Make an element of a drawing: attributes by name; then its children. */
export function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Make an icon of the symbols in the page. */
export function icon(name) {
  return svg("svg", { "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));
}

export function setIcon(button, name) {
  button.querySelector("use").setAttribute("href", `#i-${name}`);
}

/** A PNG in base64 as the source of an image. */
export function pngSource(base64) {
  return `data:image/png;base64,${base64}`;
}

/** A PNG in base64 as a file. */
export function pngBlob(base64) {
  return new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], {
    type: "image/png",
  });
}

/** Give the user a file. */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

export function shortened(text, most = 60) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
