// The state of the studio, and the link that holds all of it.
//
// The link keeps it behind the "#", which browsers do not send: no server's log has anyone's words.

export const SEEDS = 2 ** 32;
export const MOST_PINS = 12;

const VIEWS = ["pictures", "words", "prompts", "seeds"];

export const START = Object.freeze({
  view: "pictures", // or "words": what each did; "prompts", "seeds": films between sentences, noises
  bundle: "",
  prompt: "",
  to: "", // the sentence at the other end of a film
  seed: 7,
  n: 16,
  best_of: 1, // how many are drawn for each picture that is kept
  truncation: 1,
  locked: true, // keep the seed when the words change
  around: null, // the seed whose variations are shown
  towards: 0, // the seed towards which the first of them goes, the next towards the next
  strength: 0.3, // how far they are from it: 0 to 1
  explained: null, // the seed of the picture whose words are explained
  ends: [7, 8], // the seeds at the ends of a film
  steps: 24,
  fps: 12,
  frame: 0,
  pins: [], // [{bundle, prompt, seed, truncation, around, strength}]
});

/** The seed that a request names: of the first picture, or towards which the first one goes. */
export function firstSeed({ around, seed, towards }) {
  return around === null ? seed : towards;
}

/** The seed of the picture whose words are explained: the chosen one, if it is still shown. */
export function explainedSeed({ explained, seed, n }) {
  return explained !== null && seed <= explained && explained < seed + n ? explained : seed;
}

/** Write a state as what follows the "#" of a link; what is as at the start is left out. */
export function toHash(state) {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (!(name in START) || JSON.stringify(value) === JSON.stringify(START[name])) continue;
    if (name === "pins") {
      for (const { bundle, prompt, seed, truncation, around, strength } of value) {
        fields.append("pin", JSON.stringify([bundle, prompt, seed, truncation, around, strength]));
      }
    } else {
      fields.set(name, typeof value === "string" ? value : JSON.stringify(value));
    }
  }
  return fields.toString();
}

/** Read a state; what is missing, or is not as it should be, is as at the start. */
export function fromHash(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { ...START };
  for (const [name, read] of Object.entries(READ)) {
    const value = fields.has(name) ? read(fields.get(name)) : undefined;
    if (value !== undefined) state[name] = value;
  }
  state.pins = fields.getAll("pin").map(pinOf).filter(Boolean).slice(0, MOST_PINS);
  return state;
}

// What no prompt may hold: control characters, halves of characters, ends of lines. Pasted into a
// terminal, some of them end a command and begin another.
const UNREADABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** A text with a space in place of what no prompt may hold. */
export const readable = (value) => value.replaceAll(UNREADABLE, " ");

/** Whether a value is a text that a prompt may hold. */
export const isReadable = (value) => typeof value === "string" && readable(value) === value;

const text = (value) => (isReadable(value) ? value : undefined);
const number = (least, most) => (value) => {
  const read = value.trim() === "" ? NaN : Number(value);
  return read >= least && read <= most ? read : undefined;
};
const whole = (least, most) => (value) => {
  const read = number(least, most)(value);
  return Number.isInteger(read) ? read : undefined;
};
const seed = whole(0, SEEDS - 1);
const truncation = number(0.01, 1);
const strength = number(0, 1);

const READ = {
  view: (value) => (VIEWS.includes(value) ? value : undefined),
  bundle: text,
  prompt: text,
  to: text,
  seed,
  n: whole(1, 1000),
  best_of: whole(1, 64),
  truncation,
  locked: (value) => value !== "false",
  around: seed,
  towards: seed,
  strength,
  explained: seed,
  ends: (value) => {
    const seeds = parsed(value);
    return Array.isArray(seeds) && seeds.length === 2 && seeds.every(isSeed) ? seeds : undefined;
  },
  steps: whole(2, 1000),
  fps: number(1, 50),
  frame: whole(0, 999),
};

function pinOf(value) {
  const fields = parsed(value);
  if (!Array.isArray(fields)) return null;
  const [bundle, prompt, seedOf, cut, around, far] = fields;
  const fits =
    isReadable(bundle) && isReadable(prompt) && isSeed(seedOf) &&
    truncation(String(cut)) !== undefined && (around === null || isSeed(around)) &&
    strength(String(far)) !== undefined;
  return fits ? { bundle, prompt, seed: seedOf, truncation: cut, around, strength: far } : null;
}

function isSeed(value) {
  return Number.isInteger(value) && value >= 0 && value < SEEDS;
}

function parsed(value) {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
