// What the model makes of the words: its tokens, and the words that it does not know.

import { t } from "./language.js";
import { element } from "./parts.js";

/** Show the tokens of each prompt, as the server answers them. */
export function showTokens(place, prompts) {
  place.replaceChildren(...prompts.map(tokensOf));
}

/** Say what the picture may not show, and what the model does not read; "" if all is well. */
export function remarksOn(prompts) {
  const unknown = distinct(prompts.flatMap(({ unknown_words: words, suggestions }) => words.map((word) =>
    (Object.hasOwn(suggestions, word) ? t("“{word}” (did you mean “{other}”?)", { word, other: suggestions[word] }) : `“${word}”`))));
  const weak = distinct(prompts.flatMap(({ weak_words: words }) => words.map((word) => `“${word}”`)));
  const remarks = [];
  if (unknown.length) remarks.push(t("The model hardly knows {words}.", { words: unknown.join(", ") }));
  if (weak.length) {
    remarks.push(t("It hardly follows words that negate or count: {words}.", { words: weak.join(", ") }));
  }
  if (prompts.some((each) => each.off_topic)) {
    remarks.push(t("It hardly knows sentences like this: its captions are about something else."));
  }
  if (prompts.some((each) => each.cut)) remarks.push(t("It is too long: the end is not read."));
  return remarks.join(" ");
}

const distinct = (items) => [...new Set(items)];

function tokensOf({ prompt, tokens, unknown_words: unknown, cut, gloss }) {
  const items = wordsOf(tokens).map((pieces) => {
    const word = pieces.map((piece) => piece.replace(/^##/, "")).join("");
    const item = element("li", {}, ...pieces.map((piece) => element("span", {}, piece)));
    if (/^\[[A-Z]+\]$/.test(word)) item.className = "mark";
    if (unknown.includes(word) || word === "[UNK]") {
      item.className = "unknown";
      item.title = t("rare or absent in the captions that the model learned from");
      item.append(element("span", { className: "unseen" }, ` ${t("(not known)")}`));
    }
    return item;
  });
  const list = element("ol", { className: "tokens", "aria-label": t("Tokens of: {prompt}", { prompt }) }, ...items);
  const remarks = [cut && t("The rest is not read."), gloss && t("In English: {gloss}", { gloss })];
  return element("div", {}, list,
    ...remarks.filter(Boolean).map((words) => element("p", { className: "soft" }, words)));
}

// A token that goes on with the word before it begins with "##".
function wordsOf(tokens) {
  const words = [];
  for (const token of tokens) {
    if (token.startsWith("##") && words.length) words.at(-1).push(token);
    else words.push([token]);
  }
  return words;
}
