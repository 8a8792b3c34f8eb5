/** A live list of channels in some element: its store, view, feed and list, what it is asked and where its reader is. */
import { isDark, make } from "../core/dom.js";
import { count, counted } from "../core/format.js";
import * as settings from "../core/settings.js";
import { Asking } from "./asking.js";
import { Columns } from "./columns.js";
import { Feed } from "./feed.js";
import { entriesOf } from "./fields.js";
import { template } from "./folding.js";
import { Follow } from "./follow.js";
import { Ledger } from "./ledger.js";
import { levelOf, ERROR } from "./levels.js";
import { List } from "./list.js";
import { toMark } from "./marks.js";
import { measured } from "./measure.js";
import { Past } from "./past.js";
import { Reader } from "./reader.js";
import { isWhole } from "./segment.js";
import { Store } from "./store.js";
import { View } from "./view.js";

const NEAR_TOP = 30; // rows from the top: older ones are loaded
const TIMES = 8; // characters in front of a folded row

export class Panel {
  onChange = () => {};
  /** @type {(entry: import("./ledger.js").Return) => void} */
  onReturn = () => {};
  /** @type {(gap: import("./ledger.js").Gap) => void} */
  onGap = () => {};
  /** Columns changed. @type {(texts: string[]) => void} */
  onColumns = () => {};
  #topMark = { before: -Infinity, kind: "top", start: null };
  #pausedAt = 0; // key of the first row that came while the list stood still
  #measuredFor = "";
  /** Keys of rows that the reader marked. */
  bookmarks = new Set();

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
    this.asking = new Asking(this.store, this.view, this.hits, this.feed.channels);
    this.reader = new Reader(this.list, this.view, this.hits, this.follow);
    const { unfolding } = this.list;
    this.store.listen({
      rewoven: (toKey) => this.#remap(toKey),
      removed: ({ start, end }) => unfolding.forget((key) => key >= start && key < end),
      replaced: (segment, index) => this.#onReplaced(segment, index),
    });
    this.scroller.addEventListener("click", (event) => this.#onClick(event));
    this.store.isHeld = (segment) => this.#isHeld(segment);
    this.feed.onChange = () => this.#onFeed();
    this.feed.onReturn = (entry) => this.onReturn(entry);
    this.feed.onGap = (gap) => this.onGap(gap);
    this.past.onChange = () => this.#onPast();
    this.asking.onChange = () => (this.relook(), this.onChange());
    this.reader.onChange = () => this.#onReader();
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

  /** The look of rows may have changed. */
  relook() {
    const { highlights, pins, paths } = this.asking;
    this.list.look = {
      time: settings.get("time"),
      now: Date.now(),
      highlights,
      pins,
      bookmarks: this.bookmarks,
      paths,
      columns: this.columns.list,
      colours: settings.get("colours"),
      dark: isDark(),
      wrap: this.list.layout.wrap,
      channelWidth: this.list.layout.channel,
      unfolding: this.list.unfolding,
      manyChannels: this.store.channels.isMany,
    };
    this.element.classList.toggle("many-channels", this.list.look.manyChannels);
    this.list.redraw();
  }

  relayout() {
    const wrap = settings.get("wrap");
    this.view.fold(settings.get("fold") ? template : null);
    const layout = measured(this.element, { wrap, density: settings.get("density"), small: this.small, store: this.store, time: settings.get("time"), columns: this.columns.width, fields: settings.get("fields") });
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

  /**
   * Unfold an object in a row, or fold it; what is read stands still.
   * @param {number} key @param {string|number} what its path; 1: all that is folded, a level of it, -1: fold the innermost
   */
  unfoldObject(key, what) {
    const place = this.store.find(key);
    if (!place) return;
    const entries = this.#entries(place.segment, place.index);
    const { unfolding } = this.list;
    this.follow.pause("reading");
    if (typeof what === "string") unfolding.toggle(key, what, entries);
    else if (what > 0) unfolding.deeper(key, entries);
    else unfolding.shallower(key, entries);
    this.list.redraw();
  }

  #entries(segment, index) {
    return entriesOf(this.store.data(segment, index), this.store.row(segment, index), isWhole(segment, index));
  }

  /** By the times of the rows, while what is read stands still; or as they arrived. */
  sortByTime(isSorted) {
    this.follow.pause("reading");
    for (const view of [this.view, this.hits]) view.sort(isSorted);
  }

  /** Load older rows now; what is in sight stays. */
  async loadOlder() {
    this.follow.pause("scrolled");
    await this.past.loadOlder();
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

  #onReplaced(segment, index) {
    const { unfolding } = this.list;
    const key = segment.start + index;
    if (unfolding.of(key)) unfolding.renew(key, this.#entries(segment, index));
    this.list.redraw();
  }

  #onClick(event) {
    const [button, row] = ["[data-unfold]", ".row"].map((each) => event.target.closest(each));
    if (button) this.unfoldObject(Number(row.dataset.key), button.dataset.unfold);
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

  #onReader() {
    this.scroller.setAttribute("aria-activedescendant", this.list.elementOf(this.list.current)?.id ?? "");
    this.onChange();
  }

  #onPast() {
    for (const mark of this.view.marks) if (mark.kind === "unloaded" || mark.kind === "top") this.list.remark(mark);
    this.onChange();
  }

  #onFollow(following) {
    if (!following) this.#pausedAt = this.store.nextKey;
    else {
      for (const view of [this.view, this.hits]) view.sort(false); // what is followed stands as it comes
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
    return !this.follow.following && seen !== null && segment.end > Math.min(...seen) - 200 && segment.start < Math.max(...seen) + 200;
  }

  #toMark(mark) {
    return toMark(mark, {
      many: this.list.look.manyChannels,
      past: this.past,
      onOlder: () => this.loadOlder(),
      onStop: () => this.past.stop(),
      onUndo: (cleared) => this.asking.undoClear(cleared),
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
