/** What a server's index of words can find of a query. Pure. The rest of the query is for the page to test. */
import { parseTime } from "../core/time.js";

const WORD = /^[\p{L}\p{N}]+$/u; // what the index takes for one word

/**
 * @param {import("./query.js").Node} node
 * @param {number} now milliseconds since 1970
 * @returns {{query: string, since?: number}|null} `since`: in seconds since 1970; null: there is no word in it that
 *   every line has to have
 */
export function toIndexed(node, now) {
  const parts = node.kind === "and" ? node.parts : [node];
  const terms = parts.map(termOf).filter(Boolean);
  if (terms.length === 0) return null;
  const since = sinceOf(node, now);
  return { query: terms.join(" "), ...(since === null ? {} : { since }) };
}

/**
 * From when on the server has to look. Lines come after they were written, so what is kept since then is enough; the other
 * end is for the page to test.
 * @param {import("./query.js").Node} node @param {number} now milliseconds since 1970
 * @returns {number|null} seconds since 1970
 */
export function sinceOf(node, now) {
  const parts = node.kind === "and" ? node.parts : [node];
  const times = parts.map((part) => (part.kind === "field" && part.path === "after" && part.values[0].kind === "text" ? parseTime(part.values[0].text, now) : null));
  const since = Math.max(...times.filter((time) => time !== null), -Infinity);
  return since > 0 ? since / 1_000 : null;
}

/** A word begins one of the index; several stand together, as they are. */
function termOf({ kind, value }) {
  if (kind !== "match" || value.kind !== "text" || !/[\p{L}\p{N}]/u.test(value.text)) return "";
  return WORD.test(value.text) ? `${value.text}*` : `"${value.text.replaceAll('"', " ")}"`;
}
