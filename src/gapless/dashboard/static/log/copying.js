/** Rows as text: what is copied, and what is saved as a file. */
import { stringify } from "../core/json.js";
import { clock, day } from "../core/time.js";
import { plain } from "./ansi.js";
import { levelOf } from "./levels.js";
import { textOf } from "./row.js";
import { gapWords } from "./words.js";

export const FORMATS = { text: "Text", message: "Messages only", json: "JSON lines", markdown: "Markdown", csv: "CSV" };

/** How a file of each begins and ends, and what stands between two lines. @type {Record<string, [string, string, string]>} */
const FRAMES = { csv: ["time,level,channel,logger,source,message,data\r\n", "", "\r\n"], markdown: ["```\n", "\n```", "\n"] };

/** @param {string} format one of FORMATS @returns {[string, string, string]} */
export function frameOf(format) {
  return FRAMES[format] ?? ["", "", "\n"];
}

/**
 * The rows of a list, in the order in which they are shown, and what is said between them of lines that are missing.
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
    if ("mark" in item) lines.push(...(item.mark.gap ? gapLines(item.mark.gap, format) : []));
    else lines.push(toLine(store.row(item.segment, item.index), store.data(item.segment, item.index), format));
  }
  const [begin, end, between] = frameOf(format);
  return begin + lines.join(between) + end;
}

/**
 * @param {{time: number|null, level: number, channel: string, logger: string, source: string, message: string, flags: number}} row
 * @param {any} data what was published @param {string} format one of FORMATS
 */
export function toLine(row, data, format) {
  if (format === "message") return plain(row.message);
  if (format === "json") return stringify(data);
  if (format === "csv") {
    const time = row.time === null ? "" : new Date(row.time).toISOString();
    return [time, levelOf(row.level).name, row.channel, row.logger, row.source, row.message, stringify(data)].map(cell).join(",");
  }
  return textOf(row, data, row.time === null ? "" : `${day(row.time)} ${clock(row.time)}`);
}

/** What says that lines are missing here, where the format has a place for it. @returns {string[]} */
export function gapLines(gap, format) {
  if (format === "csv" || format === "message") return [];
  return [format === "json" ? stringify({ gap: { ...gap } }) : `# ${plain(`${gap.channel}: ${gapWords(gap)}`)}`];
}

/** What a spreadsheet would take for a formula is kept from being one. */
function cell(text) {
  const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
