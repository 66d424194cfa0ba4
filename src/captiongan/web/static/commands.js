// What is on the page, as a command line and as Python: each runs as copied and draws the same.

import { explainedSeed, firstSeed, readable } from "./link.js";

/** Write the command line that draws what the state shows. */
export function asCommand(state, place) {
  const parts = ["captiongan"];
  if (state.view === "pictures") {
    parts.push("generate", shell(state.prompt));
    if (state.n > 1) parts.push(`-n ${state.n}`);
    parts.push(`--seed ${firstSeed(state)}`);
    if (state.around !== null) {
      parts.push(`--around ${state.around}`, `--strength ${state.strength}`);
    }
    if (state.best_of > 1) parts.push(`--best-of ${state.best_of}`);
  } else if (state.view === "words") {
    parts.push("explain", shell(state.prompt), `--seed ${explainedSeed(state)}`);
  } else {
    const { prompts, seeds } = wayOf(state);
    parts.push("interpolate", ...prompts.map(shell), ...seeds.map((seed) => `--seed ${seed}`));
    parts.push(`--steps ${state.steps}`, `--fps ${state.fps}`);
  }
  if (state.truncation !== 1) parts.push(`--truncation ${state.truncation}`);
  parts.push(`--bundle ${shell(place)}`);
  if (state.view === "pictures" && state.n > 1) parts.push("--grid");
  parts.push(`-o ${shell(stageFile(state, isFilm(state) ? ".webp" : ".png"))}`);
  return parts.join(" ");
}

/** Write the Python that draws what the state shows. */
export function asPython(state, place) {
  const lines = ["import captiongan", "", `pipeline = captiongan.load(${python(place)})`];
  const less = state.truncation === 1 ? "" : `, truncation=${state.truncation}`;
  if (state.view === "pictures") {
    const near =
      state.around === null ? "" : `, around=${state.around}, strength=${state.strength}`;
    const best = state.best_of === 1 ? "" : `, best_of=${state.best_of}`;
    const settings = `n=${state.n}, seed=${firstSeed(state)}${less}${near}${best}`;
    const file = python(stageFile(state, ".png"));
    lines.push(`pictures = pipeline.generate(${python(state.prompt)}, ${settings})`);
    if (state.n > 1) lines.push(`captiongan.save_grid(captiongan.in_a_square(pictures), ${file})`);
    else lines.push(`pictures[0].save(${file})`);
  } else if (state.view === "words") {
    const file = python(stageFile(state, ".png"));
    const settings = `seed=${explainedSeed(state)}${less}`;
    lines.push(
      `explanation = pipeline.explain(${python(state.prompt)}, ${settings})`,
      `explanation.save(${file})`,
    );
  } else {
    const { prompts, seeds } = wayOf(state);
    const file = python(stageFile(state, ".webp"));
    lines.push(
      `prompts = [${prompts.map(python).join(", ")}]`,
      `way = pipeline.interpolate(prompts, seeds=[${seeds.join(", ")}], steps=${state.steps}${less})`,
      `way.save(${file}, frames_per_second=${state.fps})`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** The sentences and the seeds of a film. */
export function wayOf(state) {
  return state.view === "prompts"
    ? { prompts: [state.prompt, state.to], seeds: [state.seed] }
    : { prompts: [state.prompt], seeds: state.ends };
}

const isFilm = ({ view }) => view === "prompts" || view === "seeds";

/** Name a file after the first words, without their accents, and the seeds. */
export function fileName(prompt, seeds, ending) {
  const plain = prompt.toLowerCase().normalize("NFD").replace(/\p{Mn}/gu, "").replaceAll("đ", "d");
  const words = plain.match(/[a-z0-9]+/g) ?? ["picture"];
  return `${words.slice(0, 6).join("-").slice(0, 48)}-${seeds.join("-")}${ending}`;
}

/** Name the file of all that the state shows. */
export function stageFile(state, ending) {
  const explains = state.view === "words";
  const seeds = state.view === "seeds" ? state.ends : [explains ? explainedSeed(state) : firstSeed(state)];
  const what = explains ? "-words" : isFilm(state) ? "-way" : state.n > 1 ? "-grid" : "";
  return fileName(state.prompt, seeds, `${what}${ending}`);
}

/**
 * Quote a text for a shell.
 *
 * In single quotes a shell takes everything as it is, but a single quote; a terminal that it is
 * pasted into does not take control characters so. A sentence that begins with "-" would be taken
 * for an option; the space in front of it is not part of the prompt.
 */
export function shell(text) {
  if (/^[\w./][\w./-]*$/.test(text)) return text;
  const safe = readable(text.startsWith("-") ? ` ${text}` : text);
  return `'${safe.replaceAll("'", `'\\''`)}'`;
}

const python = (text) => JSON.stringify(text);
