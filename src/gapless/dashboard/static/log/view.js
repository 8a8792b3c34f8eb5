/**
 * What a list shows: the rows that match, with marks between them (gaps, returns), by ordinal from the top: as they
 * arrived, or by their times. A new matcher is applied from the newest segment on, in slices, so that what is looked at
 * settles first.
 */

import { firstAtLeast } from "./bisect.js";
import { Folding } from "./folding.js";
import { Ordinals, orderOf } from "./ordinals.js";

const SLICE_MS = 6;

/**
 * @typedef {{before: number, kind: string, gap?: any, entry?: any, start?: number|null, count?: number, older?: number,
 *   loading?: boolean}} Mark stands in front of the row with this key, or of where it was
 * @typedef {{segment: import("./segment.js").Segment, index: number, key: number}} Place of a row
 * @typedef {{mark: Mark}|Place} Item
 */

export class View {
  /** @type {Mark[]} by `before`, those of the same key in the order they came */
  marks = [];
  /** Which rows are in it. @type {((segment: object, index: number) => boolean)|null} null: all */
  matcher = null;
  /** Share of the rows that the matcher has seen, 1 when it is done. */
  progress = 1;
  generation = 0;
  /** Changes with everything but rows and marks at the end. */
  shape = 0;
  onChange = () => {};
  #store;
  #matches = new Map(); // segment → indices, ascending; only with a matcher or a fold
  /** @type {Folding|null} */
  #folding = null;
  #alike = null;
  #todo = []; // segments that the matcher has not seen, the newest last
  /** @type {Ordinals|null} null: something came or went */
  #known = null;
  #isSorted = false;
  #order = null; // of the rows that were there when it was made
  #schedule;
  #now;

  /**
   * @param {import("./store.js").Store} store
   * @param {{schedule?: (work: () => void) => void, now?: () => number}} [clock]
   */
  constructor(store, { schedule = (work) => setTimeout(work), now = () => performance.now() } = {}) {
    this.#store = store;
    this.#schedule = schedule;
    this.#now = now;
    store.listen({
      added: (segment, from) => this.#added(segment, from),
      removed: (segment) => this.#removed(segment),
      rewoven: (toKey) => this.#rewoven(toKey),
      replaced: (segment, index) => this.#replaced(segment, index),
    });
  }

  /** Rows and marks. */
  get length() {
    return this.#ordinals.length;
  }

  /** Rows alone, each that is folded into another, too. */
  get rows() {
    if (!this.#folding) return this.#ordinals.rows;
    return this.#store.segments.reduce((sum, segment) => sum + (this.#matches.get(segment)?.length ?? 0), 0);
  }

  /** Show what this matches instead. */
  set(matcher) {
    this.matcher = matcher;
    this.#folding = this.#alike && new Folding(this.#alike, (from, to) => this.#isCut(from, to));
    this.#begin();
  }

  /** Show rows that have the same of this, and stand together, as one. @param {((segment: object, index: number) => string)|null} alike */
  fold(alike) {
    if (this.#alike === alike) return;
    this.#alike = alike;
    this.set(this.matcher);
  }

  /** By the times of the rows, or as they arrived. Rows that come from now on stand at the end. */
  sort(isSorted) {
    if (this.#isSorted === isSorted) return;
    this.#isSorted = isSorted;
    this.#change();
  }

  get isSorted() {
    return this.#isSorted;
  }

  /** Which row of the list the one is that arrived as this one. */
  numberOf(arrived) {
    return this.#order?.numberOf(arrived) ?? arrived;
  }

  get isFolding() {
    return this.#folding !== null;
  }

  /** How many rows the one with this place stands for. */
  times(segment, index) {
    return this.#folding?.times(segment, index) ?? 1;
  }

  /** The key of the row that stands for this one in the list. */
  shownFor(key) {
    const place = this.#folding && this.#store.find(key);
    return place ? place.segment.start + this.#folding.headOf(place.segment, place.index) : key;
  }

  /** Show the rows that are folded into this one, or fold them again. */
  unfold(key) {
    const place = this.#store.find(key);
    if (!this.#folding || !place) return;
    this.#folding.toggle(key);
    this.#refold(place.segment);
    this.#change();
  }

  #begin() {
    this.generation += 1;
    this.#matches.clear();
    this.#todo = this.#isPartial ? [...this.#store.segments] : [];
    this.progress = 1;
    this.#change();
    if (this.#isPartial) this.#work(this.generation);
  }

  /** Do not all rows stand in it? */
  get #isPartial() {
    return this.matcher !== null || this.#folding !== null;
  }

  #isCut(from, to) {
    const at = firstAtLeast(this.marks.map(({ before }) => before), from + 1);
    return at < this.marks.length && this.marks[at].before <= to;
  }

  #refold(segment) {
    this.#folding.forget(segment);
    for (const index of this.#matches.get(segment) ?? []) this.#folding.take(segment, index);
  }

  addMark(mark) {
    let at = this.marks.length;
    while (at > 0 && this.marks[at - 1].before > mark.before) at -= 1;
    this.marks.splice(at, 0, mark);
    this.#change(mark.before >= this.#store.nextKey);
  }

  removeMark(mark) {
    this.marks = this.marks.filter((other) => other !== mark);
    this.#change();
  }

  /** @returns {Item|null} */
  at(ordinal) {
    return this.#ordinals.at(ordinal);
  }

  /** The key of the row there; null: it is none. */
  keyAt(ordinal) {
    const item = this.at(ordinal);
    return item && "key" in item ? item.key : null;
  }

  /** The ordinal of a row, or of where it would be; of a mark. */
  ordinalOf(key) {
    return this.#ordinals.of(key);
  }

  ordinalOfMark(mark) {
    return this.#ordinals.ofMark(mark);
  }

  /** Whether a row of this key is in it. */
  has(key) {
    return this.keyAt(this.ordinalOf(key)) === key;
  }

  /** The rows from an ordinal on, in a direction, without marks. @returns {Generator<{segment, index, key, ordinal}>} */
  *walk(ordinal, step) {
    for (let at = ordinal; at >= 0 && at < this.length; at += step) {
      const item = this.at(at);
      if (item && "key" in item) yield { ...item, ordinal: at };
    }
  }

  /** Each segment with the indices of its rows in here, those folded into others, too; null: all of them. */
  *parts() {
    for (const segment of this.#store.segments) yield { segment, indices: this.#isPartial ? (this.#matches.get(segment) ?? []) : null };
  }

  /** Of the rows that stand in the list. */
  #indices(segment) {
    if (this.#folding) return this.#folding.shown(segment);
    return this.matcher ? (this.#matches.get(segment) ?? []) : null;
  }

  #added(segment, from) {
    if (this.#isPartial && !this.#todo.includes(segment)) this.#match(segment, from);
    this.#change(segment === this.#store.segments.at(-1));
  }

  #removed(segment) {
    this.#matches.delete(segment);
    this.#folding?.forget(segment);
    this.#todo = this.#todo.filter((other) => other !== segment);
    this.#change();
  }

  #rewoven(toKey) {
    for (const mark of this.marks) if (Number.isFinite(mark.before)) mark.before = toKey(mark.before);
    this.set(this.matcher);
  }

  /** A row says something else now: it may match, or not any more. */
  #replaced(segment, index) {
    const found = this.#matches.get(segment);
    if (!this.#isPartial || !found) return this.#change();
    const at = firstAtLeast(found, index);
    const matches = !this.matcher || this.matcher(segment, index);
    if (found[at] === index && !matches) found.splice(at, 1);
    if (found[at] !== index && matches) found.splice(at, 0, index);
    if (this.#folding) this.#refold(segment);
    return this.#change();
  }

  #match(segment, from) {
    let found = this.#matches.get(segment);
    if (!found) this.#matches.set(segment, (found = []));
    for (let index = from; index < segment.count; index += 1) {
      if (this.matcher && !this.matcher(segment, index)) continue;
      found.push(index);
      this.#folding?.take(segment, index);
    }
  }

  #work(generation) {
    if (generation !== this.generation) return;
    const end = this.#now() + SLICE_MS;
    do {
      const segment = this.#todo.pop();
      if (segment) this.#match(segment, 0);
    } while (this.#todo.length > 0 && this.#now() < end);
    const all = this.#store.segments.length || 1;
    this.progress = 1 - this.#todo.length / all;
    this.#change();
    if (this.#todo.length > 0) this.#schedule(() => this.#work(generation));
  }

  /** @param {boolean} [atEnd] nothing that was there is in another place */
  #change(atEnd = false) {
    if (!atEnd) {
      this.shape += 1;
      this.#order = null;
    }
    this.#known = null;
    this.onChange();
  }

  get #ordinals() {
    if (this.#known) return this.#known;
    const { segments } = this.#store;
    const indicesOf = (segment) => this.#indices(segment);
    if (this.#isSorted) this.#order ??= orderOf(segments, indicesOf);
    return (this.#known = new Ordinals(segments, indicesOf, this.marks, this.#order));
  }
}
