// From a text to token ids, as the crate `tokenizers` does it.

import { Tokenizer } from "../vendor/tokenizers.min.mjs";
import { hasLanguages, marked, withoutMarks } from "./languages.js";

const LETTER = /[\p{L}\p{N}]/u;

/** The tokenizer of a bundle: the library's, with our own normaliser where it departs from the crate. */
export class Tokens {
  #tokenizer;
  #most;
  #padding;
  #hasLanguages;

  constructor(rules) {
    this.#tokenizer = new Tokenizer(rules, { unk_token: rules.model.unk_token });
    if (rules.normalizer?.type === "BertNormalizer") {
      this.#tokenizer.normalizer = (text) => normalised(text, rules.normalizer);
    }
    this.#most = rules.truncation.max_length;
    this.#padding = rules.padding;
    this.#hasLanguages = hasLanguages(this.#tokenizer.model.tokens_to_ids);
  }

  /** The ids of a text, its tokens, and whether there were more than are read. */
  encode(text) {
    const { ids, tokens } = this.#tokenizer.encode(this.#marked(text));
    const { tokens_to_ids: known, unk_token: unknown } = this.#tokenizer.model;
    const read = {
      ids: ids.slice(0, this.#most),
      tokens: tokens.slice(0, this.#most).map((token) => (known.has(token) ? withoutMarks(token) : unknown)),
      cut: ids.length > this.#most,
    };
    const { strategy, pad_id: id, pad_token: token } = this.#padding ?? {};
    while (read.ids.length < (strategy?.Fixed ?? 0)) {
      read.ids.push(id);
      read.tokens.push(token);
    }
    return read;
  }

  /** How many words a text has, and those that are not in the vocabulary. */
  words(text) {
    const { normalizer, pre_tokenizer: split, model } = this.#tokenizer;
    const words = split(normalizer(this.#marked(text))).filter((word) => LETTER.test(word));
    return {
      words: words.length,
      unknown_words: words.filter((word) => !model.tokens_to_ids.has(word)).map(withoutMarks),
    };
  }

  #marked(text) {
    return this.#hasLanguages ? marked(text, this.#tokenizer.model.tokens_to_ids) : text;
  }
}

// As the crate `tokenizers` does it: by characters, not by their halves, and accents before case.
function normalised(text, { clean_text: clean, handle_chinese_chars: chinese, strip_accents, lowercase }) {
  let characters = [...text];
  if (clean) {
    characters = characters
      .filter((each) => each !== "\ufffd" && (/[\t\n\r]/.test(each) || !/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u.test(each)))
      .map((each) => (/\s/.test(each) ? " " : each));
  }
  if (chinese) characters = characters.map((each) => (isChinese(each) ? ` ${each} ` : each));
  let result = characters.join("");
  if (strip_accents ?? lowercase) result = result.normalize("NFD").replace(/\p{Mn}/gu, "");
  return lowercase ? Array.from(result, (each) => each.toLowerCase()).join("") : result;
}

const CHINESE = [
  [0x4e00, 0x9fff], [0x3400, 0x4dbf], [0x20000, 0x2a6df], [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f], [0x2b920, 0x2ceaf], [0xf900, 0xfaff], [0x2f800, 0x2fa1f],
];

function isChinese(character) {
  const point = character.codePointAt(0);
  return CHINESE.some(([first, last]) => first <= point && point <= last);
}
