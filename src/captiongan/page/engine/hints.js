// Why a picture may not show what its prompt says: captiongan.draw.hints.

const SHOWN = 5;
const SHORTEST = 4;
const WORD = "[\\p{L}\\p{N}_]";
const WEAK = new RegExp(
  `(?<!${WORD})(?:no|not|none|nor|neither|never|nothing|cannot|without|[a-z]+n['’]t` +
  "|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|[0-9]+)" + `(?!${WORD})`, "gu",
);

/** The hints on a reading; `subject` is what the bundle was trained on, if it says so. */
export function hintsOn({ prompt, unknown_words: unknown, embedding }, subject) {
  const weak = weakWords(prompt).filter((word) => !unknown.includes(word));
  const hints = { weak_words: weak, suggestions: {}, off_topic: false };
  if (!subject) return hints;
  const similar = [...new Set(unknown)].slice(0, SHOWN).map((word) => [word, similarWord(word, subject.words)]);
  hints.suggestions = Object.fromEntries(similar.filter(([, other]) => other));
  hints.off_topic = subject.direction.reduce((sum, each, place) => sum + each * embedding[place], 0) < subject.least;
  return hints;
}

/** The words that negate or count. */
export function weakWords(text) {
  return [...new Set(text.toLowerCase().match(WEAK))];
}

/** The first of `words` that is one edit away, if the word is long enough to tell. */
export function similarWord(word, words) {
  const letters = [...word];
  if (letters.length < SHORTEST) return undefined;
  return words.find((other) => isOneEdit(letters, [...other]));
}

function isOneEdit(one, other) {
  if (Math.abs(one.length - other.length) > 1) return false;
  let start = 0;
  while (start < one.length && one[start] === other[start]) start += 1;
  const [from, to] = [one.slice(start), other.slice(start)];
  const rest = (letters, place) => letters.slice(place).join("");
  if (rest(from, 0) === rest(to, 0)) return false;
  return rest(from, 1) === rest(to, 0) || rest(from, 1) === rest(to, 1) || rest(from, 0) === rest(to, 1) ||
    (from[0] === to[1] && from[1] === to[0] && rest(from, 2) === rest(to, 2));
}
