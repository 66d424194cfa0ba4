// What the page says: the status line, the notice under the prompt, and errors.

import { translated } from "./language.js";
import { $ } from "./parts.js";

export function say(words) {
  $("status").textContent = words;
}

export function remark(words) {
  $("notice").textContent = words;
  $("notice").hidden = !words;
}

export function showError({ message, status, field }) {
  $("error-words").textContent = sentence(message);
  $("error").hidden = false;
  $("try-again").hidden = status >= 400 && status < 500;
  if (field?.startsWith("prompt")) $("prompt").setAttribute("aria-invalid", "true");
}

export function hideError() {
  $("error").hidden = true;
  $("prompt").removeAttribute("aria-invalid");
}

/** Do what the user asked for; say what went wrong. */
export async function attempt(work) {
  try {
    await work();
  } catch (error) {
    say(sentence(error.message));
  }
}

/** A message as a sentence of its own, in the reader's language. */
export function sentence(message) {
  const words = translated(message);
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
