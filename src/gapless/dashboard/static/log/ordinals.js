/** Where rows and marks of a list stand, by ordinal from the top, as long as none comes or goes. Pure. */
import { firstAtLeast, lastAtMost } from "./bisect.js";
import { Order } from "./order.js";

/**
 * @typedef {import("./segment.js").Segment} Segment
 * @typedef {(segment: Segment) => number[]|null} IndicesOf the rows of a segment that stand in the list; null: all of them
 * @typedef {import("./view.js").Mark} Mark
 */

export class Ordinals {
  /** Of rows, without marks. */
  rows;
  #segments;
  #indicesOf;
  #order;
  #prefix = [0]; // rows before each segment
  #marks; // in the order in which they stand,
  #places; // and the ordinal of each

  /**
   * @param {Segment[]} segments
   * @param {IndicesOf} indicesOf
   * @param {Mark[]} marks by `before`
   * @param {Order|null} order null: as they arrived
   */
  constructor(segments, indicesOf, marks, order) {
    this.#segments = segments;
    this.#indicesOf = indicesOf;
    this.#order = order;
    for (const segment of segments) this.#prefix.push(this.#prefix.at(-1) + (indicesOf(segment)?.length ?? segment.count));
    this.rows = this.#prefix.at(-1);
    const rows = new Map(marks.map((mark) => [mark, this.#rowsBefore(mark.before)]));
    this.#marks = order ? marks.toSorted((one, other) => rows.get(one) - rows.get(other)) : marks;
    this.#places = this.#marks.map((mark, at) => rows.get(mark) + at);
  }

  get length() {
    return this.rows + this.#marks.length;
  }

  /** @returns {import("./view.js").Item|null} */
  at(ordinal) {
    if (ordinal < 0 || ordinal >= this.length) return null;
    const before = lastAtMost(this.#places, ordinal);
    if (before >= 0 && this.#places[before] === ordinal) return { mark: this.#marks[before] };
    const number = ordinal - before - 1;
    const arrived = this.#order?.arrivedAt(number) ?? number;
    const at = lastAtMost(this.#prefix, arrived);
    const segment = this.#segments[at];
    const within = arrived - this.#prefix[at];
    const index = this.#indicesOf(segment)?.[within] ?? within;
    return { segment, index, key: segment.start + index };
  }

  /** Of a row, or of where it would be: in front of the first that arrived behind it. */
  of(key) {
    const row = this.#rowsBefore(key);
    const isBehind = (mark, at) => (this.#order ? this.#places[at] - at > row : mark.before > key);
    const marks = this.#marks.findIndex(isBehind);
    return row + (marks < 0 ? this.#marks.length : marks);
  }

  /** @param {Mark} mark @returns {number|null} */
  ofMark(mark) {
    const at = this.#marks.indexOf(mark);
    return at < 0 ? null : this.#places[at];
  }

  /** Rows of the list in front of this one. */
  #rowsBefore(key) {
    const arrived = this.#arrivedBefore(key);
    return this.#order && key !== -Infinity ? this.#order.numberOf(arrived) : arrived;
  }

  #arrivedBefore(key) {
    const segments = this.#segments;
    let low = 0;
    let high = segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (segments[middle].end <= key) low = middle + 1;
      else high = middle;
    }
    if (low === segments.length) return this.#prefix[low];
    const index = Math.max(0, key - segments[low].start);
    const indices = this.#indicesOf(segments[low]);
    return this.#prefix[low] + (indices ? firstAtLeast(indices, index) : index);
  }
}

/** The order of these rows by their times. @param {Segment[]} segments @param {IndicesOf} indicesOf */
export function orderOf(segments, indicesOf) {
  const times = [];
  for (const segment of segments) {
    const indices = indicesOf(segment);
    for (let at = 0; at < (indices?.length ?? segment.count); at += 1) times.push(segment.time[indices?.[at] ?? at]);
  }
  return new Order(Float64Array.from(times));
}
