/** Keys: one table of them, for the page that is open and for the sheet that shows them. */
import * as settings from "./settings.js";

/**
 * @typedef {{keys: string[], words: string, group: string, act: (event: KeyboardEvent) => void, always?: boolean,
 *   yields?: () => boolean}} Binding
 *   `keys`: as `nameOf` names them; `always`: also from within a field, and when single keys are switched off; `yields`: the
 *   browser may have it now
 */

/** Owner → bindings, or a promise of them. */
const layers = new Map();

// What a page may do with a key instead of the browser. Others are not held for a table that has yet to come.
const HELD = /^(?:.|Space|Enter|Home|End|(?:Shift\+)?Arrow(?:Up|Down)|Arrow(?:Left|Right)|Page(?:Up|Down)|Ctrl\+[adfu])$/;

/**
 * @param {string} owner
 * @param {Binding[]|Promise<Binding[]>} bindings those of the page, or of the shell; while they have yet to come, keys wait for them
 */
export function bind(owner, bindings) {
  layers.set(owner, bindings);
  if (bindings instanceof Promise) bindings.then((list) => layers.get(owner) === bindings && layers.set(owner, list));
}

export function unbind(owner) {
  layers.delete(owner);
}

export function bindings() {
  return [...layers.values()].filter(Array.isArray).flat();
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
    const act = () => {
      const found = bindings().find(({ keys, always }) => keys.includes(name) && (always || (!isTyping && settings.get("singleKeys"))));
      if (!found || found.yields?.()) return found;
      event.preventDefault();
      found.act(event);
      return found;
    };
    if (act() || isTyping || !HELD.test(name)) return;
    const coming = [...layers].find(([, layer]) => !Array.isArray(layer));
    if (!coming) return;
    event.preventDefault();
    coming[1].then(act);
  });
}
