/**
 * The list: entries in order, the newest last, painted once per frame. It is bounded: the oldest leave
 * first and are counted. While the reader reads, new entries wait outside and the list does not move.
 *
 * An entry is `{at, channel, record, note}`: of `record` and `note`, a function that makes its element,
 * one is null. Notes are shown whatever the filter says.
 */
import { Follow } from "./follow.js";
import { count, counted, day } from "./format.js";
import { List } from "./list.js";
import { toRow } from "./row.js";

const MAX_ROWS = 5_000;
const MAX_CHARACTERS = 32 * 1024 * 1024; // of JSON, on the page and waiting
const PAINT_MS = 8;

export class Stream {
  #parts;
  #openPage;
  #onChange;
  #follow;
  #list;
  #rows = []; // those that pass the filter are on the page
  #waiting = []; // for a frame, or for the reader
  #characters = 0;
  #left = 0; // entries that were here and are not any more
  #unloaded = 0; // publications that the server keeps and this page did not ask for
  #frame = 0;
  #filter = () => true;

  /**
   * @param {{scroller: HTMLElement, list: HTMLElement, older: HTMLElement, newer: HTMLElement}} parts
   * @param {(record: import("./record.js").Record) => void} openPage
   * @param {() => void} onChange after each paint, and when following begins or ends
   */
  constructor(parts, openPage, onChange) {
    this.#parts = parts;
    this.#openPage = openPage;
    this.#onChange = onChange;
    this.#list = new List(parts.list);
    this.#follow = new Follow(parts.scroller, parts.list, () => this.#schedule());
    parts.newer.onclick = () => this.#follow.resume();
  }

  get follow() {
    return this.#follow;
  }

  /** How many entries there are, and how many of them pass the filter. */
  get counts() {
    const records = [...this.#rows, ...this.#waiting].filter((entry) => entry.record);
    return { all: records.length, shown: records.filter((entry) => entry.shows).length };
  }

  /** Put entries at the end, in this order. */
  append(entries) {
    for (const entry of entries) this.#waiting.push(this.#admit(entry));
    this.#bound();
    this.#schedule();
  }

  /** Put entries where their `at` belongs: the history of a channel that others are shown beside already. */
  merge(entries) {
    const last = this.#waiting.at(-1) ?? this.#rows.at(-1);
    if (!last || entries.length === 0 || entries[0].at >= last.at) return this.append(entries);
    for (const entry of entries) this.#admit(entry);
    const edge = this.#waiting[0]?.at ?? Infinity;
    this.#waiting = merged(this.#waiting, entries.filter((entry) => entry.at >= edge));
    this.#rows = merged(this.#rows, entries.filter((entry) => entry.at < edge));
    this.#keepPlace(() => {
      this.#bound();
      this.#show();
    });
    this.#schedule();
  }

  /** Say how many publications the server has before those on the page. */
  set unloaded(number) {
    this.#unloaded = number;
    this.#schedule();
  }

  /** Entries were lost before they came here. */
  skip(number) {
    this.#left += number;
    this.#schedule();
  }

  /** @param {(entry: object) => boolean} filter */
  set filter(filter) {
    this.#filter = filter;
    for (const entry of [...this.#rows, ...this.#waiting]) entry.shows = filter(entry);
    this.#keepPlace(() => this.#show());
    this.#schedule();
  }

  #admit(entry) {
    entry.shows = this.#filter(entry);
    entry.size = 200 + (entry.record?.raw.length ?? 0);
    this.#characters += entry.size;
    return entry;
  }

  /** The oldest leave. What is being read leaves only for entries that stand in the list themselves. */
  #bound() {
    const tooLarge = () => this.#characters > MAX_CHARACTERS;
    const { following } = this.#follow;
    this.#drop(this.#rows, (left) => left > MAX_ROWS || (following && left > 0 && tooLarge()));
    this.#drop(this.#waiting, (left) => left > MAX_ROWS || (left > 1 && tooLarge()));
  }

  #drop(entries, isTooMuch) {
    let dropped = 0;
    while (isTooMuch(entries.length - dropped)) {
      const entry = entries[dropped++];
      this.#characters -= entry.size;
      if (entry.element) this.#list.remove(entry.element);
    }
    entries.splice(0, dropped);
    this.#left += dropped;
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#follow.following) this.#paint();
      this.#describe();
      this.#onChange();
    });
  }

  #paint() {
    const end = performance.now() + PAINT_MS;
    // What came in one go from several channels is put in the order of time before anybody saw it.
    this.#waiting.sort((one, other) => one.at - other.at);
    const elements = [];
    let taken = 0;
    let before = this.#rows.findLast((entry) => entry.shows && entry.day);
    while (taken < this.#waiting.length && (taken % 16 !== 0 || performance.now() < end)) {
      const entry = this.#waiting[taken++];
      this.#rows.push(entry);
      if (!entry.shows) continue;
      elements.push(this.#elementOf(entry));
      before = markDay(entry, before);
    }
    this.#waiting.splice(0, taken);
    this.#list.append(elements);
    this.#bound();
    const first = this.#rows.find((entry) => entry.shows);
    if (first) markDay(first);
    this.#follow.pin();
    if (this.#waiting.length > 0) this.#schedule();
  }

  #elementOf(entry) {
    return (entry.element ??= entry.record ? toRow(entry.record, this.#openPage) : entry.note());
  }

  /** Put what passes the filter on the page, and nothing else. Each first row of a day says so. */
  #show() {
    const shown = this.#rows.filter((entry) => entry.shows);
    this.#list.replace(shown.map((entry) => this.#elementOf(entry)));
    let before;
    for (const entry of shown) before = markDay(entry, before);
  }

  /** What is outside the list, at both ends. */
  #describe() {
    const { older, newer } = this.#parts;
    const outside = [];
    if (this.#left > 0) outside.push(`${counted(this.#left, "older row")} left this page`);
    if (this.#unloaded > 0) outside.push(`${counted(this.#unloaded, "older publication")} on the server, not loaded`);
    older.textContent = outside.join(" · ");
    const fresh = this.#follow.following ? [] : this.#waiting.filter((entry) => entry.shows && entry.record);
    const errors = fresh.filter((entry) => entry.record.rank >= 40).length;
    newer.hidden = this.#follow.following;
    const words = fresh.length > 0 ? `${count(fresh.length)} new` : "Newest";
    newer.textContent = `↓ ${words}${errors > 0 ? ` · ${counted(errors, "error")}` : ""}`;
    newer.classList.toggle("errors", errors > 0);
  }

  /** Change the list, and leave what is being read where it is. */
  #keepPlace(change) {
    if (this.#follow.following) return void (change(), this.#follow.pin());
    const { scroller } = this.#parts;
    const top = (entry) => entry.element.getBoundingClientRect().top;
    const edge = scroller.getBoundingClientRect().top;
    const shown = this.#rows.filter((entry) => entry.element?.isConnected);
    const places = shown.map((entry) => [entry, top(entry)]).filter(([, place]) => place >= edge);
    change();
    const [anchor, place] = places.find(([entry]) => entry.element.isConnected) ?? [];
    if (anchor) scroller.scrollTop += top(anchor) - place;
  }
}

/** The first row of all says its day only when that is not today. Returns what the next is compared with. */
function markDay(entry, before) {
  const time = entry.record?.time ?? null;
  if (time === null) return before ?? entry;
  entry.day ??= day(time);
  if (entry.day === (before?.day ?? day(Date.now()))) delete entry.element.dataset.day;
  else entry.element.dataset.day = entry.day;
  return entry;
}

/** One list of both; neither changes its own order. */
function merged(left, right) {
  const all = [];
  let at = 0;
  for (const entry of right) {
    while (at < left.length && left[at].at <= entry.at) all.push(left[at++]);
    all.push(entry);
  }
  return [...all, ...left.slice(at)];
}
