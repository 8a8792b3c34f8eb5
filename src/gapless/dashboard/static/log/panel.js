/** A live list of channels in some element: its store, view, feed and list, and what a query does to them. */
import { isDark, make } from "../core/dom.js";
import { count, counted } from "../core/format.js";
import * as settings from "../core/settings.js";
import { Columns } from "./columns.js";
import { Feed } from "./feed.js";
import { template } from "./folding.js";
import { Follow, selectionIn } from "./follow.js";
import { Ledger } from "./ledger.js";
import { levelOf, ERROR } from "./levels.js";
import { List } from "./list.js";
import { toMark } from "./marks.js";
import { pathsIn, toHighlights, toMatcher } from "./match.js";
import { measured } from "./measure.js";
import { Past } from "./past.js";
import { hasPattern, patient } from "./patience.js";
import { parseQuery, QueryError } from "./query.js";
import { Store } from "./store.js";
import { View } from "./view.js";

const NEAR_TOP = 30; // rows from the top: older ones are loaded
const MAX_PINS = 8; // as there are colours
const TIMES = 8; // characters in front of a folded row

export class Panel {
  onChange = () => {};
  /** @type {(entry: import("./ledger.js").Return) => void} */
  onReturn = () => {};
  /** @type {(gap: import("./ledger.js").Gap) => void} */
  onGap = () => {};
  /** Columns changed. @type {(texts: string[]) => void} */
  onColumns = () => {};
  /** @type {{text: string, caseSensitive: boolean, regex: boolean, node: any}} */
  query = { text: "", caseSensitive: false, regex: false, node: { kind: "all" } };
  /** The end of a range that stays while the other moves. */
  anchor = null;
  /** Key of the first row since the view was cleared, or null. */
  cleared = null;
  /** The query takes too long, and is not applied any more. @type {(error: QueryError) => void} */
  onSlow = () => {};
  /** @type {QueryError|null} */
  #slow = null;
  #find = null; // {node, caseSensitive}
  #findText = "";
  #topMark = { before: -Infinity, kind: "top", start: null };
  #pausedAt = 0; // key of the first row that came while the list stood still
  #measuredFor = "";
  /** Keys of rows that the reader marked. */
  bookmarks = new Set();
  /** Expressions that stay marked, whatever is looked for. @type {RegExp[]} */
  pins = [];

  /**
   * @param {HTMLElement} parent
   * @param {{hub: any, base: URL, api: object, history?: number, positions?: Record<string, string>, small?: boolean,
   *   maxRows?: number, label?: string}} options
   */
  constructor(parent, { hub, base, api, history, positions, small = false, maxRows, label = "Log lines, the newest last" }) {
    this.small = small;
    this.spacer = make("div", { className: "spacer", role: "rowgroup" });
    this.scroller = make("div", { className: "scroller", tabIndex: 0, role: "grid", "aria-label": label }, this.spacer);
    this.newer = make("button", { type: "button", className: "newer", hidden: true, onclick: () => this.follow.resume() });
    this.empty = make("div", { className: "empty", hidden: true });
    this.columns = new Columns();
    this.element = make("div", { className: `panel${small ? " small" : ""}` }, this.columns.element, this.scroller, this.empty, this.newer);
    parent.append(this.element);
    const megabytes = settings.get("maxMegabytes") * 1024 * 1024;
    this.store = new Store({ maxRows: maxRows ?? settings.get("maxRows"), maxBytes: megabytes });
    this.view = new View(this.store);
    this.hits = new View(this.store);
    this.ledger = new Ledger();
    this.feed = new Feed(hub, this.store, this.view, this.ledger, { history, positions });
    this.past = new Past({ base, api, store: this.store, view: this.view, feed: this.feed, ledger: this.ledger });
    this.follow = new Follow(this.scroller);
    this.list = new List({ scroller: this.scroller, spacer: this.spacer }, this.view, this.store, this.follow, (mark) => this.#toMark(mark));
    this.store.listen({ rewoven: (toKey) => this.#remap(toKey), replaced: () => this.list.redraw() });
    this.store.isHeld = (segment) => this.#isHeld(segment);
    this.feed.onChange = () => this.#onFeed();
    this.feed.onReturn = (entry) => this.onReturn(entry);
    this.feed.onGap = (gap) => this.onGap(gap);
    this.past.onChange = () => this.#onPast();
    this.columns.onChange = () => this.#onColumns();
    this.follow.onChange = (following) => this.#onFollow(following);
    this.list.onPaint = () => this.#onPaint();
    this.view.addMark(this.#topMark);
    new ResizeObserver(() => this.relayout()).observe(this.element);
    this.relayout();
  }

  /** Lines that came and pass the filter while the list stood still, and the worst level among them. */
  get fresh() {
    if (this.follow.following) return { lines: 0, errors: 0, worst: 0 };
    let lines = 0;
    let errors = 0;
    let worst = 0;
    for (const { segment, indices } of this.view.parts()) {
      if (segment.end <= this.#pausedAt) continue;
      const visit = (index) => {
        if (segment.start + index < this.#pausedAt) return;
        const level = segment.level[index];
        lines += 1;
        if (level >= ERROR) errors += 1;
        if (level > worst) worst = level;
      };
      if (indices) indices.forEach(visit);
      else for (let index = 0; index < segment.count; index += 1) visit(index);
    }
    return { lines, errors, worst };
  }

  /**
   * Show what a query finds.
   * @returns {QueryError|null} what is wrong with it; the last one that could be read stays
   */
  setQuery(text, { caseSensitive = false, regex = false } = {}) {
    const node = this.#parse(text, regex);
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

  /** Mark what is found, and hide nothing. */
  setFind(text, { caseSensitive = false, regex = false } = {}) {
    const node = text.trim() ? this.#parse(text, regex) : null;
    if (node instanceof QueryError) return node;
    this.#find = node ? { node, caseSensitive } : null;
    this.#findText = node ? text.trim() : "";
    this.refilter({ findOnly: true });
    return null;
  }

  get isFinding() {
    return this.#find !== null;
  }

  refilter({ findOnly = false } = {}) {
    const off = new Set([...this.feed.channels.values()].filter((channel) => channel.off).map(({ name }) => name));
    const query = this.#patient(this.query.node, toMatcher(this.query.node, this.store, this.query));
    const isOn = off.size > 0 ? (segment, index) => !off.has(this.store.streamOf(segment, index).channel) : null;
    const { cleared } = this;
    const parts = [isOn, query, cleared === null ? null : (segment, index) => segment.start + index >= cleared].filter(Boolean);
    const matcher = parts.length < 2 ? (parts[0] ?? null) : (segment, index) => parts.every((part) => part(segment, index));
    if (!findOnly) this.view.set(matcher);
    const found = this.#find && toMatcher(this.#find.node, this.store, this.#find);
    this.hits.set(found ? (segment, index) => (!matcher || matcher(segment, index)) && found(segment, index) : () => false);
    this.relook();
    this.onChange();
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

  /** To the next hit, or the one before. */
  goToHit(step) {
    const from = this.list.current ?? this.list.inSight?.[step > 0 ? 0 : 1] ?? 0;
    const { rows } = this.hits;
    if (rows === 0) return;
    let ordinal = this.hits.ordinalOf(from);
    if (step > 0 && this.list.current !== null && this.hits.keyAt(ordinal) === this.list.current) ordinal += 1;
    if (step < 0) ordinal -= 1;
    this.goTo(this.hits.keyAt((ordinal + rows) % rows));
  }

  /** Which hit the current row is, from 1. */
  get hitNumber() {
    return this.list.current !== null && this.hits.has(this.list.current) ? this.hits.ordinalOf(this.list.current) + 1 : 0;
  }

  /** Make a row the current one, in sight; the list stands still. */
  goTo(row, { reason = "reading", centre = true } = {}) {
    const key = this.view.shownFor(row);
    this.follow.pause(reason);
    this.list.current = key;
    this.list.range = null;
    this.list.reveal(this.view.ordinalOf(key), { centre });
    this.scroller.setAttribute("aria-activedescendant", this.list.elementOf(key)?.id ?? "");
    this.onChange();
  }

  /** To the next row or mark that is wanted, from the current row on. @returns {boolean} */
  goToNext(step, isWanted) {
    const start = this.list.current === null ? this.view.ordinalOf(this.list.inSight?.[step > 0 ? 0 : 1] ?? 0) - step : this.view.ordinalOf(this.list.current);
    for (let ordinal = start + step; ordinal >= 0 && ordinal < this.view.length; ordinal += step) {
      const item = this.view.at(ordinal);
      if (!isWanted(item)) continue;
      if ("key" in item) this.goTo(item.key, { centre: false });
      else {
        this.follow.pause("reading");
        this.list.current = item.mark.before;
        this.list.reveal(ordinal);
      }
      return true;
    }
    return false;
  }

  /** The look of rows may have changed. */
  relook() {
    const { node, caseSensitive } = this.query;
    const found = this.#find ? toHighlights(this.#find.node, this.#find) : [];
    const highlights = [...toHighlights(node, { caseSensitive }), ...found];
    const dark = isDark();
    this.list.look = {
      time: settings.get("time"),
      now: Date.now(),
      highlights,
      pins: this.pins,
      bookmarks: this.bookmarks,
      paths: pathsIn(node),
      columns: this.columns.list,
      colours: settings.get("colours"),
      dark,
      wrap: this.list.layout.wrap,
      channelWidth: this.list.layout.channel,
      manyChannels: this.store.channels.isMany,
    };
    this.element.classList.toggle("many-channels", this.list.look.manyChannels);
    this.list.redraw();
  }

  /**
   * Mark what is looked for, or selected, in a colour of its own, also when something else is looked for; once more:
   * not any more.
   * @returns {{text: string, isOn: boolean}|null} null: there is nothing to mark
   */
  togglePin() {
    const text = selectionIn(this.scroller).toString().trim() || this.#findText || this.query.text;
    const node = text ? this.#parse(text, false) : null;
    const [pattern] = node && !(node instanceof QueryError) ? toHighlights(node) : [];
    if (!pattern) return null;
    const known = this.pins.findIndex(({ source }) => source === pattern.source);
    if (known >= 0) this.pins.splice(known, 1);
    else if (this.pins.push(pattern) > MAX_PINS) this.pins.shift();
    this.relook();
    return { text, isOn: known < 0 };
  }

  relayout() {
    const wrap = settings.get("wrap");
    this.view.fold(settings.get("fold") ? template : null);
    const layout = measured(this.element, { wrap, density: settings.get("density"), small: this.small, store: this.store, time: settings.get("time"), columns: this.columns.width });
    if (this.view.isFolding) layout.columns = Math.max(20, layout.columns - TIMES);
    this.#measuredFor = this.#widths();
    // So that while it follows the first row in sight is a whole one, too.
    this.element.style.paddingTop = layout.wrap ? "" : `${this.element.clientHeight % layout.row}px`;
    this.list.setLayout(layout);
    this.relook();
  }

  /** Show what is folded into a row, or fold it again; what is read stands still. */
  unfold(key) {
    this.follow.pause("reading");
    this.view.unfold(key);
  }

  /** Choose all rows between two, which stand still from now on. */
  chooseTo(one, other) {
    this.follow.pause("selecting");
    this.anchor = one;
    this.list.range = one <= other ? [one, other] : [other, one];
    this.list.redraw();
  }

  chooseAll() {
    const [first, last] = [this.view.walk(0, 1).next().value, this.view.walk(this.view.length - 1, -1).next().value];
    if (first) this.chooseTo(first.key, last.key);
  }

  chooseNone() {
    this.anchor = null;
    if (!this.list.range) return;
    this.list.range = null;
    this.list.redraw();
  }

  /** Let the rows go that are here; a mark says so, and undoes it while they are on the server. */
  clear() {
    const count = this.store.size;
    this.cleared = this.store.nextKey;
    this.view.addMark({ before: this.store.nextKey, kind: "cleared", count });
    this.refilter();
  }

  #undoClear(mark) {
    this.view.removeMark(mark);
    this.cleared = Math.max(0, ...this.view.marks.filter(({ kind }) => kind === "cleared").map(({ before }) => before)) || null;
    this.refilter();
  }

  /** Load older rows now; what is in sight stays. */
  async loadOlder() {
    this.follow.pause("scrolled");
    await this.past.loadOlder();
  }

  #parse(text, regex) {
    try {
      return parseQuery(regex && text.trim() ? `/${text.trim().replaceAll("/", "\\/")}/` : text);
    } catch (error) {
      if (error instanceof QueryError) return error;
      throw error;
    }
  }

  /** What the widths of the columns depend on. They only grow, so that nothing jumps back and forth. */
  #widths() {
    const { loggers, channels } = this.store;
    const [, ...before] = /^(\d+) (\d+)/.exec(this.#measuredFor) ?? [0, 0, 0];
    const [logger, channel] = [loggers.longest(24), channels.longest(16)].map((width, at) => Math.max(width, Number(before[at])));
    return `${logger} ${channel} ${channels.isMany}`;
  }

  #remap(toKey) {
    this.list.remap(toKey);
    const marked = [...this.bookmarks].map(toKey);
    this.bookmarks.clear();
    for (const key of marked) this.bookmarks.add(key);
  }

  #onColumns() {
    this.relayout();
    this.onColumns(this.columns.texts);
  }

  #onFeed() {
    this.store.trim(this.follow.following ? 1 : 1.5);
    if (this.#widths() !== this.#measuredFor) this.relayout();
    this.onChange();
  }

  #onPast() {
    for (const mark of this.view.marks) if (mark.kind === "unloaded" || mark.kind === "top") this.list.remark(mark);
    this.onChange();
  }

  #onFollow(following) {
    if (!following) this.#pausedAt = this.store.nextKey;
    else {
      this.list.current = null;
      this.list.range = null;
      this.store.trim();
    }
    this.list.paintSoon();
    this.onChange();
  }

  #onPaint() {
    const { scroller, view } = this;
    const { older } = this.past;
    const first = this.store.segments[0];
    const start = first && Number.isFinite(first.firstTime) ? first.firstTime : null;
    if (this.#topMark.older !== older || this.#topMark.start !== start) {
      Object.assign(this.#topMark, { older, start });
      this.list.remark(this.#topMark);
    }
    if (this.follow.following || this.past.busy || this.past.error || older === 0) return;
    const seen = this.list.inSight;
    if (seen && view.ordinalOf(seen[0]) < NEAR_TOP && this.past.hasRoom && this.follow.reason !== "selecting") this.past.loadOlder();
    scroller.setAttribute("aria-rowcount", String(view.length));
  }

  /** While the reader reads, what is around stays. */
  #isHeld(segment) {
    const seen = this.list.inSight;
    return !this.follow.following && seen !== null && segment.end > seen[0] - 200 && segment.start < seen[1] + 200;
  }

  #toMark(mark) {
    return toMark(mark, {
      many: this.list.look.manyChannels,
      past: this.past,
      onOlder: () => this.loadOlder(),
      onStop: () => this.past.stop(),
      onUndo: (cleared) => this.#undoClear(cleared),
      onLoad: (unloaded) => this.#load(unloaded),
    });
  }

  async #load(mark) {
    if (mark.loading) return this.past.stop();
    this.follow.pause("reading");
    mark.loading = true;
    this.list.remark(mark);
    await this.past.fill(mark);
    mark.loading = false;
    this.list.remark(mark);
  }

  /** The button that leads to the newest line. */
  paintNewer() {
    const { lines, errors, worst } = this.fresh;
    this.newer.hidden = this.follow.following;
    const words = lines > 0 ? `${count(lines)} new` : "Newest";
    const text = `↓ ${words}${errors > 0 ? ` · ${counted(errors, "error")}` : ""}`;
    if (this.newer.textContent !== text) this.newer.textContent = text;
    this.newer.dataset.level = levelOf(worst).name;
  }
}
