// What a PNG says of itself: the texts that captiongan writes into every picture.

import { t } from "./language.js";
import { SEEDS, START, isReadable } from "./link.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Read the iTXt and tEXt chunks of a PNG (an ArrayBuffer): {keyword: text}; null if it is none. */
export function textsOf(buffer) {
  const bytes = new Uint8Array(buffer);
  if (!SIGNATURE.every((byte, place) => bytes[place] === byte)) return null;
  const view = new DataView(buffer);
  const texts = {};
  for (let start = 8; start + 12 <= bytes.length; ) {
    const length = view.getUint32(start);
    const type = String.fromCharCode(...bytes.subarray(start + 4, start + 8));
    const data = bytes.subarray(start + 8, start + 8 + length);
    if (type === "iTXt") Object.assign(texts, internationalText(data));
    if (type === "tEXt") Object.assign(texts, latinText(data));
    if (type === "IEND") break;
    start += 12 + length;
  }
  return texts;
}

// keyword 0, compressed?, method, language 0, translated keyword 0, text in UTF-8
function internationalText(data) {
  const keywordEnd = data.indexOf(0);
  const languageEnd = data.indexOf(0, keywordEnd + 3);
  const translatedEnd = data.indexOf(0, languageEnd + 1);
  if (keywordEnd < 1 || languageEnd < 0 || translatedEnd < 0 || data[keywordEnd + 1]) return {};
  return { [latin(data.subarray(0, keywordEnd))]: utf8(data.subarray(translatedEnd + 1)) };
}

function latinText(data) {
  const end = data.indexOf(0);
  return end < 1 ? {} : { [latin(data.subarray(0, end))]: latin(data.subarray(end + 1)) };
}

const latin = (data) => new TextDecoder("latin1").decode(data);
const utf8 = (data) => new TextDecoder("utf-8").decode(data);

/**
 * Say with which settings a picture, a sheet or a strip was drawn, from its texts.
 *
 * Returns {state, remarks}: part of a state, and what the user should know; null if it is not ours.
 */
export function settingsOf(texts) {
  if (!texts?.prompt || !texts.software?.startsWith("captiongan")) return null;
  const prompts = texts.prompt.split("\n");
  if (![...prompts, texts.bundle ?? ""].every(isReadable)) return null;
  const seeds = (texts.seed ?? "").split("\n").filter(Boolean).map(Number).filter(isSeed);
  const state = {
    ...{ prompt: prompts[0], bundle: texts.bundle ?? "", locked: true },
    ...{ truncation: numberOr(texts.truncation, 1), view: "pictures", around: null, n: 1 },
    best_of: 1, // its seed alone draws it
  };
  const remarks = [];
  if (texts.steps) {
    Object.assign(state, { n: START.n, steps: numberOr(texts.steps, START.steps), frame: 0 });
    if (prompts.length > 1) Object.assign(state, { view: "prompts", to: prompts.at(-1) });
    else Object.assign(state, { view: "seeds", ends: [seeds[0], seeds.at(-1)] });
    if (Math.max(prompts.length, seeds.length) > 2) {
      remarks.push(t("It has several stops: the first and the last are here."));
    }
    if (prompts.length > 1 && new Set(seeds).size > 1) {
      remarks.push(t("Its noise moved, too: here it stays that of the first seed."));
    }
  } else {
    state.n = numberOr(texts.n, 1);
    if (prompts.length > 1) {
      Object.assign(state, { n: Math.max(1, Math.round(state.n / prompts.length)) });
      remarks.push(t("It shows several sentences: the first is here."));
    }
    if (seeds.length > 1) {
      state.n = 1;
      remarks.push(t("It shows the best of several: the first is here."));
    }
    if (texts.around !== undefined && isSeed(Number(texts.around))) {
      state.around = Number(texts.around);
      state.strength = numberOr(texts.strength, START.strength);
    }
  }
  if (seeds.length) state[state.around === null ? "seed" : "towards"] = seeds[0];
  else remarks.push(t("It has no seed, its noise was read off another picture: only its words are here."));
  return { state, remarks, version: texts.bundle_version };
}

function isSeed(value) {
  return Number.isInteger(value) && value >= 0 && value < SEEDS;
}

function numberOr(text, otherwise) {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) ? value : otherwise;
}
