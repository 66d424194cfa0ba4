// How a text in several languages is written for a tokenizer: as captiongan.bundle.languages does it.

const VIETNAMESE = "ʼ";
const NEGATION = "¬";
const CUES = new Set(["not", "no", "without", "never", "neither", "nor"]);
const WORD = /[\p{L}\p{N}\u0300-\u036f]+/gu;
const CONTRACTED = /n['\u2019]t(?![\p{L}\p{N}_])/giu;
const TONES = "\u0300\u0301\u0303\u0309\u0323";
const VOWELS = "aăâeêioôơuưy";
const ONLY_VIETNAMESE = /[đ\u0309\u0323\u031b]/u;
const ENOUGH = 3;
const ONLY_ENGLISH = new Set(["a", "the", "on", "in", "at"]);

/** Whether a vocabulary, a Map of tokens, has more languages than English. */
export function hasLanguages(vocabulary) {
  return [...vocabulary.keys()].some((token) => token.length > 1 && token.startsWith(VIETNAMESE));
}

/** A token as the text has it. */
export function withoutMarks(token) {
  return token.replace(/^[ʼ¬]+/, "") || token;
}

/** The text with each word of another language, and each that negates, marked. */
export function marked(text, vocabulary) {
  const whole = text.normalize("NFC");
  const words = [...whole.matchAll(WORD)];
  const lower = words.map(([word]) => lowered(word));
  const found = lower.map((word) => vietnamese(word, vocabulary));
  const spoken = languages(lower, found, vocabulary);
  let written = "";
  let end = 0;
  words.forEach(({ 0: word, index }, place) => {
    written += stripped(whole.slice(end, index));
    written += (spoken[place] && found[place]) || stripped(word);
    end = index + word.length;
  });
  written += stripped(whole.slice(end));
  return vocabulary.has(`${NEGATION}not`) ? withCues(written) : written;
}

function withCues(text) {
  const parted = text.replace(CONTRACTED, " not");
  return parted.replace(WORD, (word) => (CUES.has(lowered(word)) ? NEGATION + word : word));
}

// Which words are Vietnamese.
function languages(words, found, vocabulary) {
  const sure = words.map((word, place) =>
    (found[place] && isAscii(word) && vocabulary.has(word) ? null : Boolean(found[place])));
  const accented = sure.some((each, place) => each && !isAscii(words[place]));
  const count = (wanted) => sure.filter((each) => each === wanted).length;
  if (!accented && count(true) <= count(false)) {
    const all = words.length >= ENOUGH && found.every(Boolean);
    return words.map(() => all);
  }
  return sure.map((_, place) => likeItsNeighbours(place, sure));
}

function likeItsNeighbours(place, sure) {
  for (let distance = 0; distance < sure.length; distance += 1) {
    const near = [sure[place - distance], sure[place + distance]].filter((each) => each != null);
    if (near.length) return near.includes(true);
  }
  return false;
}

// A word in lower case with its mark, as the vocabulary spells it, or undefined.
function vietnamese(word, vocabulary) {
  if (ONLY_ENGLISH.has(word)) return undefined;
  for (const spelling of spellings(word)) {
    if (vocabulary.has(VIETNAMESE + spelling)) return VIETNAMESE + spelling;
  }
  return ONLY_VIETNAMESE.test(word.normalize("NFD")) ? VIETNAMESE + word : undefined;
}

// A word, the same with its tone on other letters, and without accents.
function* spellings(word) {
  yield word;
  if (isAscii(word)) return;
  const letters = [...word.normalize("NFD")];
  const tones = [...new Set(letters.filter((each) => TONES.includes(each)))];
  if (tones.length === 1) {
    const bare = [...letters.filter((each) => each !== tones[0]).join("").normalize("NFC")];
    for (let place = 1; place <= bare.length; place += 1) {
      if (VOWELS.includes(bare[place - 1])) {
        yield [...bare.slice(0, place), tones[0], ...bare.slice(place)].join("").normalize("NFC");
      }
    }
  }
  const plain = stripped(word).replaceAll("đ", "d");
  if (!ONLY_ENGLISH.has(plain)) yield plain;
}

function stripped(text) {
  return isAscii(text) ? text : text.normalize("NFD").replace(/\p{Mn}/gu, "");
}

function lowered(text) {
  return Array.from(text, (each) => each.toLowerCase()).join("");
}

function isAscii(text) {
  return !/[^\0-\x7f]/.test(text);
}
