// The dialog that asks for the server's token.

import { $ } from "./parts.js";

let asking = null; // the promise of a token, while the dialog is open

/** Ask for the token; `wrong` if there was one that was not it. All who wait get the same answer. */
export function askToken(wrong) {
  $("token-wrong").hidden = !wrong;
  $("token").value = "";
  if (!$("ask-token").open) $("ask-token").showModal();
  asking ??= new Promise((resolve) => {
    $("token-form").onsubmit = (event) => {
      event.preventDefault();
      asking = null;
      $("ask-token").close();
      resolve($("token").value);
    };
  });
  return asking;
}

$("ask-token").addEventListener("cancel", (event) => event.preventDefault());
