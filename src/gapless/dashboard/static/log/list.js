/**
 * The rows that are in sight, and no others: elements stand in a spacer as high as all rows would be, and are
 * filled again as it scrolls. While it follows, the last row is whole in sight after each paint; while it does not, the row
 * at the top stays where it is, whatever comes, goes or is loaded around it.
 */
import { Pace } from "./pace.js";
import { Places } from "./places.js";
import { Row } from "./row.js";
import { Unfolding } from "./unfolding.js";

const OVERSCAN = 4; // rows above and below what is in sight

export class List {
  /** Key of the current row, or null. */
  current = null;
  /** Keys of a chosen range, [from, to], as they stand in the list; or null. */
  range = null;
  /** What is unfolded in its rows. */
  unfolding = new Unfolding();
  onPaint = () => {};
  /** @type {import("./row.js").Look} */
  look;
  #parts;
  #store;
  #view;
  #follow;
  #toMark;
  #pace = new Pace(() => this.paint());
  #free = [];
  #shown = new Map(); // key or mark → {row, element}
  #made = 0;
  #lookState = 0;
  #anchor = null; // {key, px}: the first row in sight, and how much of it is above
  #scrollTop = 0; // as it was set last
  #places;
  #spacerHeight = -1;
  #padding = -1; // above the first row
  #seen = null;

  /**
   * @param {{scroller: HTMLElement, spacer: HTMLElement}} parts
   * @param {import("./view.js").View} view
   * @param {import("./store.js").Store} store
   * @param {import("./follow.js").Follow} follow
   * @param {(mark: object) => HTMLElement} toMark makes the element of a mark
   */
  constructor(parts, view, store, follow, toMark) {
    this.#parts = parts;
    this.#view = view;
    this.#places = new Places(view, this.unfolding);
    this.#store = store;
    this.#follow = follow;
    this.#toMark = toMark;
    view.onChange = () => this.#pace.inTime();
    parts.scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    parts.scroller.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    new ResizeObserver(() => this.#onResize()).observe(parts.scroller);
    this.#places.viewport = parts.scroller.clientHeight;
  }

  /** The number of rows that fit. */
  get page() {
    return this.#places.page;
  }

  get layout() {
    return this.#places.layout;
  }

  /** @param {import("./places.js").Layout} layout */
  setLayout(layout) {
    this.#places.setLayout(layout);
    this.redraw();
  }

  /** The look of the rows changed: fill them anew. */
  redraw() {
    this.#lookState += 1;
    this.paintSoon();
  }

  paintSoon() {
    this.#pace.soon();
  }

  /** Put a row in sight, in the middle if it was not. */
  reveal(ordinal, { centre = true } = {}) {
    this.#places.measure();
    const top = this.#places.top(ordinal);
    const height = this.#places.height(ordinal);
    const offset = this.#offset();
    const { viewport } = this.#places;
    const fits = height <= viewport;
    const isInSight = fits ? top >= offset && top + height <= offset + viewport : top < offset + viewport && top + height > offset;
    if (isInSight) return this.paintSoon();
    const wanted = !fits || (!centre && top < offset) ? top : centre ? top - (viewport - height) / 2 : top + height - viewport;
    this.#anchorAt(Math.max(0, Math.min(wanted, this.#places.scale.last)));
    this.paintSoon();
  }

  /** Scroll by pixels of the content, by the reader. */
  scrollBy(pixels) {
    this.#places.measure();
    const offset = Math.max(0, Math.min(this.#offset() + pixels, this.#places.scale.last));
    this.#follow.intend();
    this.#anchorAt(offset);
    this.#follow.onScroll(this.#places.scale.last - offset);
    this.paintSoon();
  }

  /** Keys changed: tell where each went. */
  remap(toKey) {
    if (this.#anchor) this.#anchor.key = toKey(this.#anchor.key);
    if (this.current !== null) this.current = toKey(this.current);
    this.range &&= this.range.map(toKey);
    this.unfolding.remap(toKey);
    this.#places.forget();
    this.redraw();
  }

  /** The keys of the first and last row in sight, or null. */
  get inSight() {
    return this.#seen;
  }

  elementOf(key) {
    return this.#shown.get(key)?.element ?? null;
  }

  paint() {
    this.#pace.begin();
    const { scroller, spacer } = this.#parts;
    this.#places.measure();
    const length = this.#view.length;
    const offset = this.#follow.following ? this.#places.scale.last : Math.min(this.#offset(), this.#places.scale.last);
    if (this.#follow.following) this.#anchorAt(offset);
    // Read before anything is written, and written last: so it is laid out once.
    const wanted = this.#places.scale.toScroll(offset);
    const isThere = Math.abs(wanted - scroller.scrollTop) <= 0.5;
    this.#scrollTop = isThere ? scroller.scrollTop : wanted;
    const isGrown = this.#spacerHeight !== this.#places.scale.spacer;
    if (isGrown) spacer.style.height = `${(this.#spacerHeight = this.#places.scale.spacer)}px`;
    const first = Math.max(0, this.#places.at(offset) - OVERSCAN);
    const last = Math.min(length - 1, this.#places.at(offset + this.#places.viewport) + OVERSCAN);
    this.#fill(first, last, this.#scrollTop - offset, this.#follow.following ? offset : -1);
    if (!isThere) scroller.scrollTop = wanted;
    if (!isThere || isGrown) this.#settle(first, offset);
    this.onPaint();
  }

  /** Where it is scrolled to may differ from what was wanted: the rows stand where that is. */
  #settle(first, offset) {
    this.#scrollTop = this.#parts.scroller.scrollTop;
    this.#placeAt(this.#places.top(first) + this.#scrollTop - offset);
  }

  /**
   * @param {number} shift from the place of a row in the content to the one in the spacer
   * @param {number} whole a row that begins above this and ends below it is not shown: while the end is followed, no row is half cut
   */
  #fill(first, last, shift, whole) {
    const wanted = [];
    for (let ordinal = first; ordinal <= last; ordinal += 1) {
      const item = this.#view.at(ordinal);
      if (item) wanted.push({ item, ordinal, id: "mark" in item ? item.mark : item.key });
    }
    const ids = new Set(wanted.map(({ id }) => id));
    for (const [id, entry] of this.#shown) if (!ids.has(id)) this.#release(id, entry);
    this.#placeAt(this.#places.top(first) + shift);
    const free = new Map(this.#free.map((entry) => [entry.element, entry]));
    const place = this.#placer(free);
    let before = this.#timeBefore(first);
    let keys = null;
    const range = this.range?.map((key) => this.#view.ordinalOf(key)) ?? [Infinity, -Infinity];
    for (const { item, ordinal, id } of wanted) {
      const { element, row } = place(id, item);
      if (row) {
        const { segment, index, key } = item;
        const times = this.#view.times(segment, index);
        if (row.shown !== key || row.drawn !== this.#lookState || row.stands !== times || !Object.is(row.before, before)) row.fill(item, this.#store, this.look, { before, times });
        Object.assign(row, { shown: key, drawn: this.#lookState, stands: times, before });
        before = segment.time[index];
        keys = keys ? [keys[0], key] : [key, key];
        this.#describe(element, key, ordinal, range);
      }
      Object.assign(element.style, this.#places.style(ordinal, row ? id : null, whole));
    }
    this.#free = [...free.values()];
    for (const { element } of this.#free) element.hidden = true;
    this.#seen = keys;
  }

  /** Rows stand below one another in the flow: where the first begins is where all of them are. */
  #placeAt(top) {
    if (this.#padding !== top) this.#parts.spacer.style.paddingTop = `${(this.#padding = top)}px`;
  }

  /**
   * What puts one entry behind the other, from the first on. Elements keep their places in the document as far as that
   * goes: one that is free is filled anew where it stands, and what is seen is not taken out and put back.
   * @param {Map<Element, object>} free which of them nobody needs; what is taken from there is not free any more
   */
  #placer(free) {
    const { spacer } = this.#parts;
    let cursor = spacer.firstChild;
    return (id, item) => {
      let entry = this.#shown.get(id);
      if (entry) while (free.has(cursor) && cursor !== entry.element) cursor = cursor.nextSibling;
      else if ("mark" in item) entry = { row: null, element: this.#toMark(item.mark) };
      else {
        entry = free.get(cursor) ?? free.values().next().value ?? this.#make();
        free.delete(entry.element);
        entry.element.hidden = false;
      }
      this.#shown.set(id, entry);
      if (entry.element === cursor) cursor = cursor.nextSibling;
      else spacer.insertBefore(entry.element, cursor);
      return entry;
    };
  }

  #describe(element, key, ordinal, range) {
    const chosen = ordinal >= range[0] && ordinal <= range[1];
    element.ariaRowIndex = String(ordinal + 1);
    const selected = String(chosen || key === this.current);
    if (element.ariaSelected !== selected) element.ariaSelected = selected;
    element.classList.toggle("current", key === this.current);
    element.classList.toggle("chosen", chosen);
  }

  #make() {
    const row = new Row(`row-${(this.#made += 1)}`);
    return { row, element: row.element };
  }

  #release(id, entry) {
    this.#shown.delete(id);
    if (!entry.row) return entry.element.remove();
    entry.row.shown = undefined;
    this.#free.push(entry);
  }

  /** Elements of marks are made anew: their words changed. */
  remark(mark) {
    const entry = this.#shown.get(mark);
    if (entry) this.#release(mark, entry);
    this.paintSoon();
  }

  #timeBefore(ordinal) {
    for (const { segment, index } of this.#view.walk(ordinal - 1, -1)) return segment.time[index];
    return null;
  }

  // -- where things are

  #offset() {
    if (!this.#anchor) return 0;
    const { key, mark, px } = this.#anchor;
    const ordinal = (mark && this.#view.ordinalOfMark(mark)) ?? this.#view.ordinalOf(key);
    return Math.max(0, this.#places.top(ordinal) + px);
  }

  /** Remember what is at this offset of the content: that is what stays in its place. */
  #anchorAt(offset) {
    const ordinal = Math.min(this.#places.at(offset), Math.max(0, this.#view.length - 1));
    const item = this.#view.at(ordinal);
    if (!item) return void (this.#anchor = null);
    const px = offset - this.#places.top(ordinal);
    const next = this.#view.at(ordinal + 1);
    // Older rows are put below the mark at the very top: it is the row under it that stays in its place.
    if ("mark" in item && item.mark.before === -Infinity && next && "key" in next)
      this.#anchor = { key: next.key, px: offset - this.#places.top(ordinal + 1) };
    else this.#anchor = "mark" in item ? { key: item.mark.before, mark: item.mark, px } : { key: item.key, px };
  }

  #onScroll() {
    const { scrollTop } = this.#parts.scroller;
    if (Math.abs(scrollTop - this.#scrollTop) < 1) return;
    this.#places.measure();
    const offset = this.#places.scale.toContent(scrollTop);
    if (!this.#follow.onScroll(this.#places.scale.last - offset) && this.#follow.following) return this.paintSoon();
    this.#anchorAt(offset);
    this.paint();
  }

  /** Where the scrollbar stands for more than it is long, a notch still moves as many lines. */
  #onWheel(event) {
    if (this.#places.scale.factor === 1 || event.ctrlKey) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? this.#places.layout.row : event.deltaMode === 2 ? this.#places.viewport : 1;
    this.scrollBy(event.deltaY * unit);
  }

  #onResize() {
    this.#places.viewport = this.#parts.scroller.clientHeight;
    this.paintSoon();
  }
}
