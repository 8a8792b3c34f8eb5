/** Rows as text, in the order in which they are shown: what is copied, and what is saved as a file. */
import { stringify } from "../core/json.js";
import { clock, day } from "../core/time.js";
import { plain } from "./ansi.js";
import { levelOf } from "./levels.js";
import { textOf } from "./row.js";
import { gapWords } from "./words.js";

export const FORMATS = { text: "Text", message: "Messages only", json: "JSON lines", markdown: "Markdown", csv: "CSV" };

/**
 * @param {import("./view.js").View} view
 * @param {import("./store.js").Store} store
 * @param {[number, number]} ordinals from, to
 * @param {string} format one of FORMATS
 */
export function toText(view, store, [from, to], format = "text") {
  const lines = [];
  for (let ordinal = from; ordinal <= to; ordinal += 1) {
    const item = view.at(ordinal);
    if (!item) continue;
    if ("mark" in item) {
      if (item.mark.gap && format !== "csv" && format !== "message") lines.push(gapLine(item.mark.gap, format));
    } else lines.push(line(item, store, format));
  }
  if (format === "markdown") return ["```", ...lines, "```"].join("\n");
  if (format === "csv") return ["time,level,channel,logger,source,message,data", ...lines].join("\r\n");
  return lines.join("\n");
}

function line({ segment, index }, store, format) {
  const row = store.row(segment, index);
  if (format === "message") return plain(row.message);
  const data = store.data(segment, index);
  if (format === "json") return stringify(data);
  if (format === "csv") {
    const time = row.time === null ? "" : new Date(row.time).toISOString();
    return [time, levelOf(row.level).name, row.channel, row.logger, row.source, row.message, stringify(data)].map(cell).join(",");
  }
  return textOf(row, data, row.time === null ? "" : `${day(row.time)} ${clock(row.time)}`);
}

function gapLine(gap, format) {
  const words = `${gap.channel}: ${gapWords(gap)}`;
  return format === "json" ? stringify({ gap: { ...gap } }) : `# ${plain(words)}`;
}

/** What a spreadsheet would take for a formula is kept from being one. */
function cell(text) {
  const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
