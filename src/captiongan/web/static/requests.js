// What to ask of the server for a state.

import { wayOf } from "./commands.js";
import { firstSeed } from "./link.js";

/** The requests of a state as {name: [path, request]}; null without words. */
export function requestsOf(state) {
  const { view, prompt, to, n, truncation, bundle, around, strength, steps, best_of } = state;
  const seed = firstSeed(state);
  if (!prompt.trim() || (view === "prompts" && !to.trim())) return null;
  const common = { truncation, bundle };
  const many = { prompt, n, seed, ...(best_of > 1 ? { best_of } : {}), ...common };
  if (view === "prompts") {
    return {
      film: ["/v1/interpolate", { ...wayOf(state), steps, ...common }],
      words: ["/v1/generate", { prompt: [prompt, to], n: 1, seed, ...common }],
    };
  }
  if (view === "seeds") {
    return {
      film: ["/v1/interpolate", { ...wayOf(state), steps, ...common }],
      words: ["/v1/generate", many],
    };
  }
  if (around === null) return { words: ["/v1/generate", many] };
  return {
    words: ["/v1/generate", { ...many, around, strength }],
    source: ["/v1/generate", { prompt, n: 1, seed: around, ...common }],
  };
}
