// What can be asked for: the rules of captiongan.draw.prompts, in the same words.

export const SEEDS = 2 ** 32;
const MOST_CHARACTERS = 1000;
const MOST_PICTURES = 1000;
const MOST_CANDIDATES = 64;

// Python's white space; JavaScript's has one character more and six fewer.
const SPACE = "[\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const OUTER_SPACE = new RegExp(`^${SPACE}|${SPACE}$`, "g");
const BETWEEN = new RegExp(SPACE);
const UNREADABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** What is asked for breaks a rule; `field` names the part of the request. */
export class RuleError extends Error {
  constructor(field, message) {
    super(`${field} ${message}`);
    this.field = field;
  }
}

/** The prompt without outer white space; throws RuleError. */
export function checkPrompt(prompt) {
  if (typeof prompt !== "string") throw new RuleError("prompt", "is not a text; give one sentence");
  const text = prompt.replace(OUTER_SPACE, "");
  const characters = [...text];
  if (!characters.length) throw new RuleError("prompt", "is empty; describe a picture in words");
  if (characters.length > MOST_CHARACTERS) {
    throw new RuleError("prompt", `has ${characters.length} characters, at most ${MOST_CHARACTERS} ` +
      "are allowed; give one sentence");
  }
  const place = characters.findIndex((character) => UNREADABLE.test(character));
  if (place >= 0) {
    throw new RuleError("prompt", `has a control character at position ${place + 1}, none is ` +
      "allowed; put a space in its place");
  }
  return text;
}

/** The words of a checked prompt, two at least; throws RuleError. */
export function wordsOf(prompt) {
  const words = prompt.split(BETWEEN);
  if (words.length > 1) return words;
  throw new RuleError("prompt", `'${prompt}' has one word; a word is explained by the others, so ` +
    "give two at least");
}

/** The reading, if the bundle of this name knows enough of its words; throws RuleError. */
export function checkWords(reading, bundle) {
  const { words, unknown_words: unknown, suggestions } = reading;
  if (words === 0) throw new RuleError("prompt", "has no words; describe a picture in words");
  if (2 * unknown.length > words) {
    const meant = (word) =>
      (Object.hasOwn(suggestions, word) ? `${word} (did you mean '${suggestions[word]}'?)` : word);
    const some = [...new Set(unknown)].slice(0, 5).map(meant).join(", ");
    throw new RuleError("prompt", `${unknown.length} of ${words} words are unknown (${some}), at ` +
      `most half may be; bundle '${bundle}' was trained on English captions; use plain words ` +
      "for what it draws");
  }
  return reading;
}

/** The seeds of `n` pictures, or of `candidates` for each of them; throws RuleError. */
export function seedsOf(seed, n = 1, candidates = 1) {
  checkWhole("n", n, 1, MOST_PICTURES);
  checkWhole("best_of", candidates, 1, Math.min(MOST_CANDIDATES, Math.floor(MOST_PICTURES / n)));
  checkWhole("seed", seed, 0, SEEDS - n * candidates);
  return Array.from({ length: n * candidates }, (_, place) => seed + place);
}

export function checkTruncation(truncation) {
  if (!(truncation > 0 && truncation <= 1)) {
    throw new RuleError("truncation", `${truncation} is not a number above 0 and at most 1`);
  }
}

export function checkAround(around, strength) {
  if (around !== null) checkWhole("around", around, 0, SEEDS - 1);
  if (!(strength >= 0 && strength <= 1)) {
    throw new RuleError("strength", `${strength} is not a number from 0 to 1`);
  }
}

/** How many stops a way has; what is given once stays the same at all of them. */
export function stopsOf(prompts, seeds, steps) {
  const stops = Math.max(prompts.length, seeds.length);
  const fits = [prompts, seeds].every(({ length }) => length === 1 || length === stops);
  if (!fits || stops < 2) {
    throw new RuleError("seeds", "and prompts: give several sentences with one seed, one sentence " +
      "with several seeds, or as many of both");
  }
  checkWhole("steps", steps, 2, 1 + Math.floor((MOST_PICTURES - 1) / (stops - 1)));
  return stops;
}

function checkWhole(field, value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RuleError(field, `${value} is not a whole number from ${least} to ${most}`);
  }
}
