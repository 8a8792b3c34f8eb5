/** The notes between the rows: what is missing, and what happened to the connection. */
import { count, counted, duration } from "./format.js";
import { plain } from "./text.js";

const REASONS = {
  trimmed: "trimmed, the history no longer reaches back that far",
  epoch: "the stream began a new life",
  latest: "this channel only promises its newest state",
  missing: "they did not come, and nobody said why",
};
const UNCOUNTED = {
  unnumbered: "publications were missed: this page was behind, and they had no offset to read them again by",
  interrupted: "publications may be missing: the hub lost its broker for a while",
  disconnected: "publications may be missing: this page was disconnected, and the channel keeps no history",
};

/** How many publications a gap swallowed; null when nobody knows. */
export function lostIn(gap) {
  if (Number.isInteger(gap.from) && Number.isInteger(gap.to)) return gap.to - gap.from + 1;
  return gap.count ?? null;
}

/** "offsets 12–40 are gone: trimmed, …" */
export function gapWords(gap) {
  const lost = lostIn(gap);
  if (!Number.isInteger(gap.from)) {
    const words = UNCOUNTED[gap.reason] ?? `publications are missing: ${REASONS[gap.reason] ?? plain(gap.reason)}`;
    return lost === null ? words : `${count(lost)} ${words}`;
  }
  const reason = REASONS[gap.reason] ?? plain(gap.reason);
  if (lost === null) return `${reason}: whatever the old one held from offset ${gap.from} on is gone`;
  if (lost === 1) return `offset ${gap.from} is gone: ${reason}`;
  return `offsets ${gap.from}–${gap.to} are gone: ${reason} (${counted(lost, "publication")})`;
}

/**
 * "Back after 12 s: 14 recovered, nothing missing"
 * @param {{milliseconds: number, recovered: number, lost: number, unknown: boolean}} absence
 */
export function backWords({ milliseconds, recovered, lost, unknown }) {
  const came = recovered > 0 ? `${count(recovered)} recovered, ` : "";
  const missing = lost > 0 ? `${count(lost)} lost` : unknown ? "something may be missing" : "nothing missing";
  return `Back after ${duration(milliseconds)}: ${came}${missing}`;
}
