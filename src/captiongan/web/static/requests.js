// What to ask of the engine for a state.

import { wayOf } from "./commands.js";
import { explainedSeed, firstSeed } from "./link.js";

/** The requests of a state as {name: [verb, request]}; null without words. */
export function requestsOf(state) {
  const { view, prompt, to, n, truncation, bundle, around, strength, steps, best_of } = state;
  const seed = firstSeed(state);
  if (!prompt.trim() || (view === "prompts" && !to.trim())) return null;
  const common = { truncation, bundle };
  const many = { prompt, n, seed, ...(best_of > 1 ? { best_of } : {}), ...common };
  if (view === "prompts") {
    return {
      film: ["between", { ...wayOf(state), steps, ...common }],
      words: ["draw", { prompt: [prompt, to], n: 1, seed, ...common }],
    };
  }
  if (view === "seeds") {
    return {
      film: ["between", { ...wayOf(state), steps, ...common }],
      words: ["draw", many],
    };
  }
  if (view === "words") {
    return {
      words: ["draw", { prompt, n, seed, ...common }],
      explained: ["explain", { prompt, seed: explainedSeed(state), ...common }],
    };
  }
  if (around === null) return { words: ["draw", many] };
  return {
    words: ["draw", { ...many, around, strength }],
    source: ["draw", { prompt, n: 1, seed: around, ...common }],
  };
}
