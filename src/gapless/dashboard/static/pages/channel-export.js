/** A file of what a channel keeps, made by the server: which lines, in which form, and what became of it. */
import { saveBlob } from "../core/clipboard.js";
import { make } from "../core/dom.js";
import { bytes, count } from "../core/format.js";

const FORMS = { ndjson: "JSON lines", text: "Text", csv: "CSV" };
const LEVELS = ["", "debug", "info", "warning", "error", "critical"];

/** @param {import("../app.js").App} app @param {{name: string, kept?: number}} row */
export function exporter(app, { name, kept = 0 }) {
  const words = make("input", { type: "search", placeholder: "Only lines with these words", "aria-label": "Words that a line must have" });
  const level = make("select", { "aria-label": "Level" }, ...LEVELS.map((each) => make("option", { value: each }, each || "any level")));
  const said = make("p", { className: "muted", role: "status" });
  const stop = make("button", { type: "button", hidden: true }, "Stop");
  const forms = Object.entries(FORMS).map(([format, title]) => make("button", { type: "button", onclick: () => save(format) }, title));

  async function save(format) {
    const stopping = new AbortController();
    stop.onclick = () => stopping.abort();
    busy(true, "The server writes it…");
    try {
      const query = words.value.trim();
      const asked = { channel: name, format, ...(query ? { query } : {}), ...(level.value ? { level: level.value } : {}) };
      const { blob, name: file } = await app.api.file("export", asked, { signal: stopping.signal });
      saveBlob(file || `${name}.${format}`, blob);
      busy(false, blob.size === 0 ? "Saved an empty file: no line fits." : `Saved ${bytes(blob.size)}.`);
    } catch (error) {
      busy(false, stopping.signal.aborted ? "Stopped." : (REFUSED[error.code] ?? `It could not be read to its end: ${error.message}`));
    }
  }

  function busy(isBusy, text) {
    for (const button of forms) button.disabled = isBusy;
    stop.hidden = !isBusy;
    said.textContent = text;
  }

  return make("div", { className: "exporter" }, make("h3", {}, `Save what is kept (${count(kept)})`), make("div", { className: "actions" }, words, level), make("div", { className: "actions" }, ...forms, stop), said);
}

const REFUSED = {
  401: "You are signed out: reload the page to sign in again.",
  404: "This server does not write files. It may be of an older version than this page.",
  405: "This server does not write files. It may be of an older version than this page.",
  429: "Too many files are written just now: try again in a few seconds.",
};
