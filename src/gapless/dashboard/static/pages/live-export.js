/** Lines as a file: which of them, in which form, how far it is, and what became of it. */
import { download, saveBlob } from "../core/clipboard.js";
import { make } from "../core/dom.js";
import { bytes, count, counted } from "../core/format.js";
import { FORMATS, toText } from "../log/copying.js";
import { Export } from "../log/exporting.js";
import { sinceOf } from "../log/indexed.js";
import { shown } from "../log/text.js";
import { dialog } from "../ui/layers.js";

const TYPES = { csv: ["csv", "text/csv"], json: ["ndjson", "application/x-ndjson"], markdown: ["md", "text/markdown"] };

/** @param {import("../log/panel.js").Panel} panel @param {import("../core/api.js").Api} api */
export function openExport(panel, api) {
  const channels = [...panel.feed.channels.values()].filter(({ off }) => !off);
  const [loaded, everything] = ["loaded", "everything"].map((value) => make("input", { type: "radio", name: "which", value }));
  everything.checked = true;
  const format = make("select", { "aria-label": "Form" }, ...Object.entries(FORMATS).map(([value, words]) => make("option", { value }, words)));
  format.value = "json";
  const said = make("p", { className: "muted", role: "status" });
  const bar = make("progress", { max: 1, hidden: true, "aria-label": "Looked through" });
  const save = make("button", { type: "submit" }, "Save");
  const stop = make("button", { type: "button", hidden: true }, "Stop");
  const { text } = panel.asking.query;
  const wanted = text ? make("p", {}, "Lines that the filter finds: ", make("code", {}, shown(text)), inChannels(channels)) : make("p", {}, "All lines", inChannels(channels));
  const form = make("form", { className: "exporter" },
    wanted,
    make("label", {}, everything, "all of them: what this page has loaded, and what the server keeps beside it"),
    make("label", {}, loaded, `those in the list now: ${counted(panel.view.rows, "line")}, with its gaps`),
    make("div", { className: "actions" }, format, save, stop), bar, said);
  const layer = dialog("Save lines", form);
  let current = { stop() {} };
  let attempt = 0; // what an earlier one still does is of no interest
  layer.addEventListener("close", () => give());
  stop.onclick = () => (give(), become(false, "Stopped: nothing was saved."));

  form.onsubmit = async (event) => {
    event.preventDefault();
    const [extension, type] = TYPES[format.value] ?? ["txt", "text/plain;charset=utf-8"];
    const name = `gapless-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${extension}`;
    if (loaded.checked) {
      download(name, toText(panel.view, panel.store, [0, panel.view.length - 1], format.value), type);
      return become(false, `Saved ${counted(panel.view.rows, "line")}.`);
    }
    const mine = (attempt += 1);
    become(true, "");
    const work = await begin(panel, api, channels, format.value);
    if (mine !== attempt) return undefined;
    current = work;
    work.onChange = () => mine === attempt && progress(work);
    progress(work);
    try {
      const blob = await work.go();
      if (blob === null || mine !== attempt) return undefined;
      saveBlob(name, new Blob([blob], { type }));
      const lost = work.lost > 0 ? ` ${counted(work.lost, "line")} in between ${work.lost === 1 ? "is" : "are"} not kept any more.` : "";
      return become(false, `Saved ${counted(work.lines, "line")} (${bytes(blob.size)}), of ${count(work.read)}.${lost}`);
    } catch (error) {
      return mine === attempt && become(false, `It could not be read to its end, and nothing was saved: ${error.message}`);
    }
  };

  function give() {
    attempt += 1;
    current.stop();
  }

  function progress({ read, total, lines }) {
    bar.value = total ? read / total : 1;
    said.textContent = `${counted(lines, "line")} so far; ${count(read)} of ${count(total)} looked through.`;
  }

  function become(isBusy, words) {
    for (const each of [save, format, loaded, everything]) each.disabled = isBusy;
    stop.hidden = bar.hidden = !isBusy;
    said.textContent = words;
  }
}

/** What is to be read begins where the query does, where the server says where that is. */
async function begin(panel, api, channels, format) {
  const now = Date.now();
  const { query } = panel.asking;
  const since = sinceOf(query.node, now);
  const asked = channels.map(async ({ name, epoch, oldest, subscription }) => {
    const head = subscription?.position?.offset ?? 0;
    const found = since !== null && api.isOpen ? await api.call("seek", { channel: name, time: since }).catch(() => null) : null;
    return { name, epoch, oldest: found?.epoch === epoch ? Math.max(oldest, found.offset + 1) : oldest, head };
  });
  return new Export({ store: panel.store, past: panel.past, channels: await Promise.all(asked), query, format, now });
}

function inChannels(channels) {
  const names = channels.map(({ name }) => name);
  const [first, ...others] = names.slice(0, 3);
  if (first === undefined) return ", of no channel";
  const more = names.length > 3 ? ` and ${count(names.length - 3)} more` : "";
  return shown(`, of ${[first, ...others].join(", ")}${more}`);
}
