/** Saving the view that is looked at under a name, and the list of those that were saved. */
import { copyText } from "../core/clipboard.js";
import { make } from "../core/dom.js";
import * as settings from "../core/settings.js";
import { readUrl, toHash } from "../core/url.js";
import { removeView, savedViews, saveView } from "../core/views.js";
import { dialog } from "./layers.js";
import { note } from "./note.js";

/** The address of what is looked at, and of how. */
export function viewHash() {
  const { params } = readUrl();
  params.delete("at");
  for (const name of ["time", "wrap", "fold"]) params.set(name, String(settings.get(name)));
  return toHash("live", params);
}

export function openSaveView() {
  const field = make("input", { type: "text", placeholder: "A name for this view", "aria-label": "Name", maxLength: 80, required: true, autofocus: true });
  const form = make("form", {}, field, make("button", { type: "submit" }, "Save"));
  const hash = viewHash();
  const layer = dialog("Save this view", form);
  form.onsubmit = (event) => {
    event.preventDefault();
    const isKept = saveView(field.value, hash);
    layer.close();
    note(isKept ? `Saved: ${field.value.trim()}` : "This browser keeps nothing for this page: copy the address instead.", isKept ? "" : "warning");
  };
}

export function openViews() {
  const list = make("ul", { className: "views" });
  const layer = dialog("Saved views", list);
  const paint = () => list.replaceChildren(...(savedViews().length ? savedViews().map(item) : [make("li", { className: "muted" }, "None was saved yet.")]));
  const item = ({ name, hash }) => {
    const link = make("a", { href: hash, onclick: () => layer.close() }, name);
    const copy = make("button", { type: "button", className: "inline", onclick: async () => note((await copyText(new URL(hash, location.href).href)) ? "Link copied" : "The browser does not let this page copy.") }, "Copy link");
    const remove = make("button", { type: "button", className: "inline", "aria-label": `Remove ${name}`, onclick: () => (removeView(name), paint()) }, "Remove");
    return make("li", {}, link, copy, remove);
  };
  paint();
}
