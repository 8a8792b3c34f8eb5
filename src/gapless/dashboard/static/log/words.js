/** What is said about gaps, returns and completeness, in the words of the reader. Pure. */
import { count, counted, duration } from "../core/format.js";
import { plain } from "./ansi.js";

const REASONS = {
  trimmed: "older than the server keeps",
  missing: "they did not come, and nobody said why",
  latest: "this channel only promises its newest state",
  expired: "older than the server keeps",
};
const UNCOUNTED = {
  unnumbered: "lines without a number were missed, because this page was behind",
  interrupted: "lines may be missing: the hub lost its broker for a while",
  disconnected: "lines may be missing: this page was away, and the channel keeps no history",
};

/** @param {{kind: string, count: number|null, reason?: string}} gap */
export function gapWords(gap) {
  const number = gap.count;
  if (gap.kind === "unloaded" && gap.reason === "behind") return `This browser fell behind; ${counted(number, "line")} skipped to catch up`;
  if (gap.kind === "unloaded") return `${counted(number, "line")} not loaded (still on the server)`;
  if (gap.kind === "restart") return "the numbering began anew: continuity with what stands above cannot be proven";
  if (gap.kind === "feeder") return `${counted(number, "line")} dropped before they reached the hub${gap.reason ? ` (${plain(gap.reason)})` : ""}`;
  if (gap.kind === "cleared") return `you cleared the view here (${counted(number, "line")})`;
  const reason = REASONS[gap.reason];
  if (number === null) return UNCOUNTED[gap.reason] ?? `lines are missing: ${plain(gap.reason)}`;
  if (UNCOUNTED[gap.reason]) return `${counted(number, "line")} lost: ${UNCOUNTED[gap.reason]}`;
  return `${counted(number, "line")} lost: ${reason ?? plain(gap.reason)}`;
}

/** "Back after 3 min 12 s · 18,204 recovered · 0 missing" */
export function backWords({ milliseconds, recovered, lost, unknown, fresh = 0 }) {
  const parts = [`Back after ${duration(milliseconds)}`];
  if (recovered > 0 || fresh === 0) parts.push(`${count(recovered)} recovered`);
  if (fresh > 0) parts.push(`${counted(fresh, "new line")} of a new life of the channel`);
  parts.push(lost > 0 ? `${count(lost)} missing` : unknown ? "what was missed is not known" : "0 missing");
  return parts.join(" · ");
}

/**
 * @param {import("./ledger.js").Ledger["totals"]} totals
 * @returns {{mark: string, kind: "whole"|"partial"|"lost", words: string}}
 */
export function completeness({ lost, unloaded, unknown, restarts }) {
  const parts = [];
  if (lost > 0) parts.push(`${count(lost)} lost`);
  if (unloaded > 0) parts.push(`${count(unloaded)} not loaded`);
  if (unknown > 0) parts.push(`${counted(unknown, "gap")} of unknown size`);
  if (restarts > 0) parts.push(`${counted(restarts, "restart")}`);
  if (lost > 0) return { mark: "✖", kind: "lost", words: parts.join(", ") };
  if (parts.length > 0) return { mark: "◐", kind: "partial", words: parts.join(", ") };
  return { mark: "✔", kind: "whole", words: "nothing missing" };
}

/** The ledger as text, to be pasted into a report. */
export function report(ledger, { url, now }) {
  const lines = [`Gapless, ${url}, ${new Date(now).toISOString()}`, completeness(ledger.totals).words, ""];
  for (const [name, { received, epoch, ranges }] of ledger.channels) {
    const stretches = ranges.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
    lines.push(`${plain(name)}: ${counted(received, "line")}${epoch ? `, epoch ${epoch}, offsets ${stretches || "none"}` : ""}`);
  }
  for (const gap of ledger.gaps) lines.push(`gap in ${plain(gap.channel)} ${new Date(gap.time).toISOString()}: ${gapWords(gap)}${gap.from === null ? "" : ` (${gap.from}–${gap.to ?? "?"})`}`);
  for (const each of ledger.returns) lines.push(`${new Date(each.time).toISOString()} ${backWords(each)} (${each.cause})`);
  return lines.join("\n");
}
