/** Keys: one table of them, for the page that is open and for the sheet that shows them. */
import * as settings from "./settings.js";

/**
 * @typedef {{keys: string[], words: string, group: string, act: (event: KeyboardEvent) => void, always?: boolean}} Binding
 *   `keys`: as `nameOf` names them; `always`: also from within a field, and when single keys are switched off
 */

const layers = new Map();

/** @param {string} owner @param {Binding[]} bindings those of the page, or of the shell */
export function bind(owner, bindings) {
  layers.set(owner, bindings);
}

export function unbind(owner) {
  layers.delete(owner);
}

export function bindings() {
  return [...layers.values()].flat();
}

/** "Ctrl+k", "Shift+Enter", "G", "?" */
export function nameOf({ key, code = "", ctrlKey, metaKey, altKey, shiftKey }) {
  // What Shift makes of a digit differs from keyboard to keyboard.
  const digit = /^Digit(\d)$/.exec(code)?.[1];
  if (shiftKey && digit && !ctrlKey && !metaKey && !altKey) return `Shift+${digit}`;
  const name = key === " " ? "Space" : key;
  const shift = shiftKey && name.length > 1 ? "Shift+" : "";
  return `${ctrlKey || metaKey ? "Ctrl+" : ""}${altKey ? "Alt+" : ""}${shift}${ctrlKey || metaKey ? name.toLowerCase() : name}`;
}

export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    const name = nameOf(event);
    const target = /** @type {Element} */ (event.target);
    const isTyping = target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    // Space and Enter press what has the focus.
    if (target.closest("button, a, summary, input[type=checkbox]") && (name === "Space" || name === "Enter")) return;
    const found = bindings().find(({ keys, always }) => keys.includes(name) && (always || (!isTyping && settings.get("singleKeys"))));
    if (!found) return;
    event.preventDefault();
    found.act(event);
  });
}
