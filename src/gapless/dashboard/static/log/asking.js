/** What a list is asked: which of its rows it shows, which of them are found, and what is marked in all of them. */
import { pathsIn, toHighlights, toMatcher } from "./match.js";
import { hasPattern, patient } from "./patience.js";
import { parseQuery, QueryError } from "./query.js";

const MAX_PINS = 8; // as there are colours

export class Asking {
  /** @type {{text: string, caseSensitive: boolean, regex: boolean, node: any}} */
  query = { text: "", caseSensitive: false, regex: false, node: { kind: "all" } };
  /** Expressions that stay marked, whatever is looked for. @type {RegExp[]} */
  pins = [];
  /** Other rows are shown, found or marked than before. */
  onChange = () => {};
  /** The query takes too long, and is not applied any more. @type {(error: QueryError) => void} */
  onSlow = () => {};
  /** @type {QueryError|null} */
  #slow = null;
  #find = null; // {node, caseSensitive}
  #findText = "";
  #cleared = null; // key of the first row since the view was cleared
  #store;
  #view;
  #hits;
  #channels;

  /**
   * @param {import("./store.js").Store} store
   * @param {import("./view.js").View} view what is shown
   * @param {import("./view.js").View} hits what is found
   * @param {Map<string, {name: string, off: boolean}>} channels rows of those that are off are not shown
   */
  constructor(store, view, hits, channels) {
    this.#store = store;
    this.#view = view;
    this.#hits = hits;
    this.#channels = channels;
  }

  get isFinding() {
    return this.#find !== null;
  }

  /** What is marked because it is looked for just now. @returns {RegExp[]} */
  get highlights() {
    return [...toHighlights(this.query.node, this.query), ...(this.#find ? toHighlights(this.#find.node, this.#find) : [])];
  }

  /** Fields that the query names. @returns {string[]} */
  get paths() {
    return pathsIn(this.query.node);
  }

  /**
   * Show what a query finds.
   * @returns {QueryError|null} what is wrong with it; the last one that could be read stays
   */
  setQuery(text, { caseSensitive = false, regex = false } = {}) {
    const node = parsed(text, regex);
    if (node instanceof QueryError) return node;
    const { query } = this;
    this.query = { text, caseSensitive, regex, node };
    this.#slow = null;
    this.refilter();
    if (!this.#slow) return null;
    this.query = query;
    this.refilter();
    return this.#slow;
  }

  /** Mark what is found, and hide nothing. @returns {QueryError|null} as `setQuery` */
  setFind(text, { caseSensitive = false, regex = false } = {}) {
    const node = text.trim() ? parsed(text, regex) : null;
    if (node instanceof QueryError) return node;
    this.#find = node ? { node, caseSensitive } : null;
    this.#findText = node ? text.trim() : "";
    this.refilter({ findOnly: true });
    return null;
  }

  refilter({ findOnly = false } = {}) {
    const off = new Set([...this.#channels.values()].filter((channel) => channel.off).map(({ name }) => name));
    const query = this.#patient(this.query.node, toMatcher(this.query.node, this.#store, this.query));
    const isOn = off.size > 0 ? (segment, index) => !off.has(this.#store.streamOf(segment, index).channel) : null;
    const cleared = this.#cleared;
    const parts = [isOn, query, cleared === null ? null : (segment, index) => segment.start + index >= cleared].filter(Boolean);
    const matcher = parts.length < 2 ? (parts[0] ?? null) : (segment, index) => parts.every((part) => part(segment, index));
    if (!findOnly) this.#view.set(matcher);
    const found = this.#find && toMatcher(this.#find.node, this.#store, this.#find);
    this.#hits.set(found ? (segment, index) => (!matcher || matcher(segment, index)) && found(segment, index) : () => false);
    this.onChange();
  }

  /**
   * Mark what is selected, else what is looked for, in a colour of its own, also when something else is looked for; once
   * more: not any more.
   * @param {string} selected text
   * @returns {{text: string, isOn: boolean}|null} null: there is nothing to mark
   */
  togglePin(selected) {
    const text = selected.trim() || this.#findText || this.query.text;
    const node = text ? parsed(text, false) : null;
    const [pattern] = node && !(node instanceof QueryError) ? toHighlights(node) : [];
    if (!pattern) return null;
    const known = this.pins.findIndex(({ source }) => source === pattern.source);
    if (known >= 0) this.pins.splice(known, 1);
    else if (this.pins.push(pattern) > MAX_PINS) this.pins.shift();
    this.onChange();
    return { text, isOn: known < 0 };
  }

  /** Let the rows go that are here; a mark says so, and undoes it while they are on the server. */
  clear() {
    const { size: count, nextKey } = this.#store;
    this.#cleared = nextKey;
    this.#view.addMark({ before: nextKey, kind: "cleared", count });
    this.refilter();
  }

  /** @param {import("./view.js").Mark} mark that `clear` made */
  undoClear(mark) {
    this.#view.removeMark(mark);
    this.#cleared = Math.max(0, ...this.#view.marks.filter(({ kind }) => kind === "cleared").map(({ before }) => before)) || null;
    this.refilter();
  }

  /** A test that may be slow, watched: rows that come later may be the first on which it is. */
  #patient(node, test) {
    if (!test || !hasPattern(node)) return test;
    return patient(test, (took) => {
      this.#slow = new QueryError(`this expression takes too long, ${Math.round(took)} ms for one line: it is not applied`, 0);
      queueMicrotask(() => {
        if (this.query.node !== node) return; // it was given up at once
        this.query = { ...this.query, text: "", node: { kind: "all" } };
        this.refilter();
        this.onSlow(this.#slow);
      });
    });
  }
}

/** @returns {any} its node, or the QueryError */
function parsed(text, regex) {
  try {
    return parseQuery(regex && text.trim() ? `/${text.trim().replaceAll("/", "\\/")}/` : text);
  } catch (error) {
    if (error instanceof QueryError) return error;
    throw error;
  }
}
