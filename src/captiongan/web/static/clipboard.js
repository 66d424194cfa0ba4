// Texts to take away.

import { $ } from "./parts.js";

/** Copy a text; where the browser forbids it, show it to be copied by hand. Returns whether copied. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without HTTPS, and not on this machine, browsers let no page write to the clipboard.
    $("copy-text").value = text;
    $("copy-by-hand").showModal();
    $("copy-text").select();
    return false;
  }
}

$("close-copy").addEventListener("click", () => $("copy-by-hand").close());
