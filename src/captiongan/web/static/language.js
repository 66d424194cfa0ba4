// The interface in the language of who reads it: the one that was chosen, or the browser's.
//
// The code and the page have their words in English; `vietnamese.js` has the Vietnamese for each.

import { VIETNAMESE } from "./vietnamese.js";

const CHOSEN = "captiongan-language";
const NONE = {};
const TABLES = { en: NONE, vi: VIETNAMESE };
const PLACE = /\{(\w+)\}/g;
const ATTRIBUTES = ["aria-label", "title"];

const wanted = [localStorage.getItem(CHOSEN), ...navigator.languages]
  .map((code) => code?.slice(0, 2).toLowerCase());
const language = wanted.find((code) => code in TABLES) ?? "en";
const table = TABLES[language];

/** A text in the reader's language; `values` fill the places `{name}`. */
export function t(english, values = {}) {
  return (table[english] ?? english).replace(PLACE, (_, name) => values[name]);
}

/** A finished message, as errors have it, in the reader's language; in English where it is unknown. */
export function translated(message) {
  for (const english of Object.keys(table)) {
    const values = valuesIn(message, english);
    if (values) return t(english, values);
  }
  return message;
}

/** What stands in a message at the places of a text: {name: value}; null if it is another text. */
function valuesIn(message, english) {
  const pattern = english.split(PLACE)
    .map((part, place) => (place % 2 ? `(?<${part}>.+)` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")))
    .join("");
  const found = message.match(new RegExp(`^${pattern}$`, "s"));
  return found && { ...found.groups };
}

/** Translate the page, except what says its own language; set up the buttons that choose another. */
export function translatePage(leave) {
  document.documentElement.lang = language;
  for (const button of document.querySelectorAll("button[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
    button.addEventListener("click", () => {
      localStorage.setItem(CHOSEN, button.dataset.language);
      leave();
      location.reload();
    });
  }
  if (table !== NONE) translateWithin(document.body);
}

function translateWithin(element) {
  for (const name of ATTRIBUTES) {
    if (element.hasAttribute(name)) element.setAttribute(name, t(element.getAttribute(name)));
  }
  for (const child of element.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) {
      const words = child.data.trim();
      if (words) child.data = child.data.replace(words, () => t(words));
    } else if (child.nodeType === Node.ELEMENT_NODE && !child.matches("[lang], script, kbd, code")) {
      translateWithin(child);
    }
  }
}
