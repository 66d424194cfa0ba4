// A sentence of a few words, in English or Vietnamese: what colours it asks for.

/** Colours by name, red, green and blue from 0 to 255; the first words of each row are English. */
export const PETALS = [
  { words: ["red", "đỏ"], colour: [214, 40, 48] },
  { words: ["yellow", "golden", "vàng"], colour: [250, 208, 44] },
  { words: ["white", "trắng"], colour: [246, 244, 240] },
  { words: ["purple", "violet", "tím"], colour: [128, 62, 184] },
  { words: ["blue", "xanh", "lam", "dương"], colour: [58, 104, 224] },
  { words: ["pink", "hồng"], colour: [246, 138, 184] },
];
export const CENTRES = [
  { words: ["yellow", "golden", "vàng"], colour: [250, 208, 44] },
  { words: ["brown", "dark", "nâu"], colour: [84, 48, 26] },
  { words: ["white", "trắng"], colour: [246, 244, 240] },
];
const ENGLISH_CENTRE = ["centre", "center", "middle", "heart", "stigma"]; // the colour comes before
const VIETNAMESE_CENTRE = ["nhị", "nhụy", "nhuỵ", "tâm"]; // the colour comes after
const OTHERS = (
  "a an the this that is are has have with and of in its flower flowers petal petals blossom color " +
  "colour coloured bông hoa một cánh màu với có và ở giữa"
).split(" ");

const named = (list, word) => list.findIndex(({ words }) => words.includes(word));
const isColour = (word) => named(PETALS, word) >= 0 || named(CENTRES, word) >= 0;

/**
 * What a sentence asks for.
 *
 * @returns petals and centre, places in PETALS and CENTRES or null where it says nothing, and the
 *   words that mean nothing here
 */
export function read(sentence) {
  const words = sentence.normalize("NFC").toLowerCase().match(/\p{L}+/gu) ?? [];
  const asked = { petals: null, centre: null, unknown: [] };
  const note = (part, list, word) => {
    const place = named(list, word);
    if (place >= 0) asked[part] = place;
    else asked.unknown.push(word);
  };
  words.forEach((word, at) => {
    if (isColour(word)) {
      const before = words.slice(Math.max(at - 2, 0), at).some((each) => VIETNAMESE_CENTRE.includes(each));
      if (before || ENGLISH_CENTRE.includes(words[at + 1])) note("centre", CENTRES, word);
      else note("petals", PETALS, word);
    } else if (![...ENGLISH_CENTRE, ...VIETNAMESE_CENTRE, ...OTHERS].includes(word)) {
      asked.unknown.push(word);
    }
  });
  return asked;
}
