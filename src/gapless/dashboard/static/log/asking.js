/** What a list is asked: which of its rows it shows, which of them are found, and what is marked in all of them. */

const MAX_PINS = 8; // as there are colours
const ALL = { text: "", caseSensitive: false, regex: false, node: { kind: "all" } };
const NOTHING = { kind: "or", parts: [] };

/** @typedef {import("./query.js").QueryError} QueryError */

export class Asking {
  /** @type {{text: string, caseSensitive: boolean, regex: boolean, node: any}} */
  query = ALL;
  /** Expressions that stay marked, whatever is looked for. @type {RegExp[]} */
  pins = [];
  /** Other rows are shown, found or marked than before. */
  onChange = () => {};
  /** The query takes too long, or cannot be read after all, and is not applied any more. @type {(error: QueryError) => void} */
  onSlow = () => {};
  /** Something is asked, and what reads queries is not there: nothing is shown until `use` is called with it. */
  onNeed = () => {};
  /** @type {typeof import("./language.js")|null} */
  #language = null;
  /** @type {QueryError|null} */
  #slow = null;
  /** @type {typeof ALL|null} */
  #find = null;
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

  /** Read queries by this from now on, also what is asked already. */
  use(language) {
    if (this.#language) return;
    this.#language = language;
    const [query, find] = [this.query, this.#find];
    const error = (query.text && this.setQuery(query.text, query)) || null;
    const wrong = (find && this.setFind(find.text, find)) || null;
    if (error) this.#giveUp(error);
    if (wrong) {
      this.setFind("");
      this.onSlow(wrong);
    }
  }

  get isFinding() {
    return this.#find !== null;
  }

  /** What is marked because it is looked for just now. @returns {RegExp[]} */
  get highlights() {
    return [this.query, this.#find].flatMap((asked) => (asked && this.#language?.toHighlights(asked.node, asked)) ?? []);
  }

  /** Fields that the query names. @returns {string[]} */
  get paths() {
    return this.#language?.pathsIn(this.query.node) ?? [];
  }

  /**
   * Show what a query finds.
   * @returns {QueryError|null} what is wrong with it; the last one that could be read stays
   */
  setQuery(text, { caseSensitive = false, regex = false } = {}) {
    const node = this.#read(text, regex);
    if ("position" in node) return node;
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
    const node = text.trim() ? this.#read(text, regex) : null;
    if (node && "position" in node) return node;
    this.#find = node && { text, caseSensitive, regex, node };
    this.refilter({ findOnly: true });
    return null;
  }

  refilter({ findOnly = false } = {}) {
    const off = new Set([...this.#channels.values()].filter((channel) => channel.off).map(({ name }) => name));
    const query = this.#patient(this.query.node, this.#test(this.query));
    const isOn = off.size > 0 ? (segment, index) => !off.has(this.#store.streamOf(segment, index).channel) : null;
    const cleared = this.#cleared;
    const parts = [isOn, query, cleared === null ? null : (segment, index) => segment.start + index >= cleared].filter(Boolean);
    const matcher = parts.length < 2 ? (parts[0] ?? null) : (segment, index) => parts.every((part) => part(segment, index));
    if (!findOnly) this.#view.set(matcher);
    const found = this.#find && this.#test(this.#find);
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
    const text = selected.trim() || this.#find?.text.trim() || this.query.text;
    const node = text ? this.#read(text, false) : null;
    const [pattern] = node && !("position" in node) ? (this.#language?.toHighlights(node) ?? []) : [];
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
    const { hasPattern, patient, QueryError } = this.#language ?? {};
    if (!test || !hasPattern?.(node)) return test;
    return patient(test, (took) => {
      this.#slow = new QueryError(`this expression takes too long, ${Math.round(took)} ms for one line: it is not applied`, 0);
      queueMicrotask(() => {
        if (this.query.node === node) this.#giveUp(this.#slow); // else it was given up at once
      });
    });
  }

  #giveUp(error) {
    this.query = { ...this.query, text: "", node: ALL.node };
    this.refilter();
    this.onSlow(error);
  }

  /** @returns {any} its node, or the QueryError */
  #read(text, regex) {
    if (!text.trim()) return ALL.node;
    if (this.#language) return this.#language.read(text, regex);
    this.onNeed();
    return NOTHING;
  }

  /** @returns {((segment: object, index: number) => boolean)|null} null: every row */
  #test({ node, caseSensitive }) {
    if (this.#language) return this.#language.toMatcher(node, this.#store, { caseSensitive });
    return node === NOTHING ? () => false : null;
  }
}
