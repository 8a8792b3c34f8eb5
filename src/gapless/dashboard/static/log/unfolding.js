/** Objects that are unfolded where they stand in their rows: which of them, and the lines that this takes. Pure. */
import { Exact } from "../core/json.js";

const MEMBERS = 100; // of one object
const LINES = 400; // of one row: the rest is in the details

/**
 * @typedef {{path: string, depth: number, name: string, value: any, state: "leaf"|"folded"|"open"|"rest", rest: number}} Line
 *   `path`: what `toggle` takes; `rest`: members, or lines, that are left out here
 */

/** Is there something in it that can be unfolded? */
export function isFoldable(value) {
  return typeof value === "object" && value !== null && !(value instanceof Exact) && Object.keys(value).length > 0;
}

/** The name of a place in the fields of a row. @param {string[]} names from the outermost on */
export function toPath(names) {
  return JSON.stringify(names);
}

/**
 * What stands below a row.
 * @param {[string, any][]} entries fields of the row; one without a name is all that it says
 * @param {Set<string>} open paths
 * @returns {Line[]} at most `LINES`, and one that says how many are left out
 */
export function unfoldedLines(entries, open) {
  const lines = [];
  const visit = (name, value, names, depth) => {
    const path = toPath(names);
    const isOpen = isFoldable(value) && open.has(path);
    const state = isOpen ? "open" : isFoldable(value) ? "folded" : "leaf";
    if (name !== "" || depth > 0) lines.push({ path, depth, name, value, state, rest: 0 });
    if (!isOpen) return;
    const members = Object.entries(value);
    for (const [key, member] of members.slice(0, MEMBERS)) visit(key, member, [...names, key], depth + 1);
    if (members.length > MEMBERS) lines.push({ path, depth: depth + 1, name: "", value: null, state: "rest", rest: members.length - MEMBERS });
  };
  for (const [name, value] of entries) if (isFoldable(value) && open.has(toPath([name]))) visit(name, value, [name], 0);
  if (lines.length <= LINES) return lines;
  return [...lines.slice(0, LINES), { path: "", depth: 0, name: "", value: null, state: "rest", rest: lines.length - LINES }];
}

export class Unfolding {
  /** @type {Map<number, {open: Set<string>, lines: number}>} key of a row → what is open in it */
  #rows = new Map();

  /** Keys of the rows in which something is. */
  get keys() {
    return this.#rows.keys();
  }

  /** @returns {Set<string>|undefined} paths */
  of(key) {
    return this.#rows.get(key)?.open;
  }

  /** Lines below a row. */
  lines(key) {
    return this.#rows.get(key)?.lines ?? 0;
  }

  /** @param {number} key @param {string} path @param {[string, any][]} entries of the row */
  toggle(key, path, entries) {
    const open = new Set(this.of(key));
    if (!open.delete(path)) open.add(path);
    this.#set(key, open, entries);
  }

  /** Unfold what is folded, one level of it, as far as the lines of a row go. @returns {boolean} was there any? */
  deeper(key, entries) {
    const open = new Set(this.of(key));
    const shown = unfoldedLines(entries, open);
    const outer = entries.filter(([, value]) => isFoldable(value)).map(([name]) => toPath([name]));
    const folded = [...outer.filter((path) => !open.has(path)), ...shown.filter(({ state }) => state === "folded").map(({ path }) => path)];
    const before = open.size;
    for (const path of folded) {
      open.add(path);
      if (before < open.size - 1 && unfoldedLines(entries, open).length > LINES) open.delete(path);
    }
    this.#set(key, open, entries);
    return folded.length > 0;
  }

  /** Fold the innermost that is unfolded. @returns {boolean} was there any? */
  shallower(key, entries) {
    const open = this.of(key);
    if (!open) return false;
    const seen = unfoldedLines(entries, open).filter(({ state }) => state === "open");
    const deepest = Math.max(0, ...seen.map(({ depth }) => depth));
    const folded = seen.length > 0 ? seen.filter(({ depth }) => depth === deepest).map(({ path }) => path) : [...open];
    this.#set(key, new Set([...open].filter((path) => !folded.includes(path))), entries);
    return true;
  }

  /** The row says something else now: what is in it still stays unfolded. */
  renew(key, entries) {
    const open = this.of(key);
    if (open) this.#set(key, open, entries);
  }

  /** Rows that left. @param {(key: number) => boolean} isGone */
  forget(isGone) {
    for (const key of [...this.#rows.keys()]) if (isGone(key)) this.#rows.delete(key);
  }

  /** Keys changed. @param {(key: number) => number} toKey */
  remap(toKey) {
    this.#rows = new Map([...this.#rows].map(([key, row]) => [toKey(key), row]));
  }

  #set(key, open, entries) {
    const lines = unfoldedLines(entries, open).length;
    if (lines > 0) this.#rows.set(key, { open, lines });
    else this.#rows.delete(key);
  }
}
