// Prompts to start from, each with a picture of it.

import { START } from "./link.js";
import { $, element, pngSource } from "./parts.js";

/**
 * Show the example prompts of a bundle.
 *
 * @param bundle as the server describes it
 * @param limits of the server
 * @param draw resolves a request to its answer
 * @param choose is given the prompt that the user clicks
 */
export async function showStarters({ name, examples }, limits, draw, choose) {
  $("starters").hidden = examples.length === 0;
  if (!examples.length) return;
  const buttons = examples.map((prompt) => {
    const button = element("button", { type: "button" },
      element("img", { alt: "", width: 64, height: 64 }), element("span", {}, prompt));
    button.addEventListener("click", () => choose(prompt));
    return button;
  });
  $("starter-list").replaceChildren(...buttons.map((button) => element("li", {}, button)));
  const request = { prompt: examples.slice(0, limits.prompts), n: 1, seed: START.seed, bundle: name };
  const { pictures } = await draw(request);
  pictures.forEach(({ png }, place) => {
    buttons[place].querySelector("img").src = pngSource(png);
  });
}
