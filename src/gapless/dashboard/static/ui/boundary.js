/** A part of a page that fails says so in its own place, and everything else goes on. */
import { copyText } from "../core/clipboard.js";
import { make } from "../core/dom.js";

/** @param {HTMLElement} element what the work paints @param {() => void} work */
export function guarded(element, work) {
  if (element.dataset.failed) return;
  try {
    work();
  } catch (error) {
    element.dataset.failed = "true";
    element.replaceChildren(failure(error));
    console.warn(error);
  }
}

/** @param {Error} error */
export function failure(error) {
  const details = `${error.name}: ${error.message}\n${error.stack ?? ""}`;
  const copy = make("button", { type: "button", className: "inline" }, "Copy details");
  copy.onclick = async () => (copy.textContent = (await copyText(details)) ? "Copied" : "Could not copy");
  return make("p", { className: "failure", role: "alert" }, "This panel failed.", copy);
}
