/** Short notes over the page. They come with it, for what does not come. */
import { make } from "../core/dom.js";

const NOTE_MS = 6_000;

/** A few words at the bottom, that go by themselves. @param {[string, () => void]|null} [action] what can be done about it */
export function note(words, kind = "", action = null) {
  const button = action && make("button", { type: "button", className: "inline", onclick: () => (element.remove(), action[1]()) }, action[0]);
  const element = make("div", { className: `note ${kind}`, role: "status" }, words, button);
  document.body.append(element);
  setTimeout(() => element.remove(), NOTE_MS);
}
