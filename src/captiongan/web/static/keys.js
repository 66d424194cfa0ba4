// Keys of the whole page. Those without Ctrl or Alt can be switched off, for speech input.

import { $ } from "./parts.js";

const KEYS = "captiongan-keys";

export const keysAreOn = () => $("use-keys").checked;

/**
 * Listen to keys outside of fields, and to Escape outside of dialogs.
 *
 * @param actionOf returns what a key (in lower case) does on an element, or nothing
 * @param leave what Escape does
 */
export function listenToKeys(actionOf, leave) {
  $("use-keys").checked = localStorage.getItem(KEYS) !== "off";
  $("use-keys").addEventListener("change", () => {
    localStorage.setItem(KEYS, keysAreOn() ? "on" : "off");
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) leave();
    const typing = event.target.closest("input:not([type=range]), textarea, select, dialog");
    if (typing || event.ctrlKey || event.altKey || event.metaKey || !keysAreOn()) return;
    const act = actionOf(event.key.toLowerCase(), event.target);
    if (!act) return;
    event.preventDefault();
    act();
  });
}
