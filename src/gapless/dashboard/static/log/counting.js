/** How often each value of a field stands in the rows of the page: counted as they come, bit by bit, forgotten as they go. */
import { inline } from "../core/json.js";
import { valueAt } from "./shape.js";

const SLICE_MS = 6;
const MAX_VALUES = 500; // told apart; the rest are others
const CHARACTERS = 200;

export class FieldCounts {
  /** Rows with a value beyond those that are told apart. */
  others = 0;
  #counts = new Map(); // value → rows
  #seen = new Map(); // segment → {rows, values: Map}
  #path;
  #name;
  #store;

  /** @param {import("./store.js").Store} store @param {string} path of the field */
  constructor(store, path) {
    this.#store = store;
    this.#path = path;
    this.#name = path.split(".").pop();
    store.listen({ removed: (segment) => this.#forget(segment), rewoven: () => this.#begin(), replaced: (segment) => this.#forget(segment) });
  }

  get path() {
    return this.#path;
  }

  /** Share of the rows that are counted, 1 when all are. */
  get progress() {
    const rows = [...this.#seen.values()].reduce((sum, seen) => sum + seen.rows, 0);
    return this.#store.size ? rows / this.#store.size : 1;
  }

  /** The most frequent. @returns {{name: string, count: number}[]} */
  top(limit) {
    return [...this.#counts].map(([name, count]) => ({ name, count })).sort((one, other) => other.count - one.count || (one.name < other.name ? -1 : 1)).slice(0, limit);
  }

  /** Count what is not counted, the newest first, for at most a few milliseconds. */
  work(now = () => performance.now()) {
    const end = now() + SLICE_MS;
    for (const segment of this.#store.segments.toReversed()) {
      const seen = this.#seen.get(segment) ?? { rows: 0, values: new Map() };
      this.#seen.set(segment, seen);
      while (seen.rows < segment.count) {
        this.#count(segment, seen);
        if (seen.rows % 64 === 0 && now() >= end) return;
      }
    }
  }

  #count(segment, seen) {
    const index = seen.rows;
    seen.rows += 1;
    if (!segment.rest[index].includes(this.#name)) return;
    const value = valueAt(this.#store.data(segment, index), this.#path);
    if (value === undefined) return;
    const text = (inline(value) ?? "null").slice(0, CHARACTERS);
    seen.values.set(text, (seen.values.get(text) ?? 0) + 1);
    if (this.#counts.has(text) || this.#counts.size < MAX_VALUES) this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
    else this.others += 1;
  }

  #forget(segment) {
    for (const [text, count] of this.#seen.get(segment)?.values ?? []) {
      const left = (this.#counts.get(text) ?? 0) - count;
      if (left > 0) this.#counts.set(text, left);
      else if (!this.#counts.delete(text)) this.others = Math.max(0, this.others - count);
    }
    this.#seen.delete(segment);
  }

  #begin() {
    this.#counts.clear();
    this.#seen.clear();
    this.others = 0;
  }
}
