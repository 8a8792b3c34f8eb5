/**
 * Where the rows of a list stand: each in its content, and what of that in a spacer that may not be as high. What is
 * unfolded in a few of them comes on top of what all rows are high.
 */
import { lastAtMost } from "./bisect.js";
import { Heights, linesOf, Scale } from "./geometry.js";
import { FLAG, isWhole } from "./segment.js";

const WRAPPED_LINES = 12;
const MARK = 28; // pixels, at least

/**
 * @typedef {{row: number, line: number, wrap: boolean, columns: number, meta: number, most: number, channel: number,
 *   fields: "beside"|"below"|""}} Layout
 *   pixels: `row` is the height of one, `line` of one of the lines of a wrapped one, `meta` what stands above its message;
 *   characters: `columns` of a line of the message, `channel`; `most`: lines of a message; `fields`: where they stand
 */

export class Places {
  /** @type {Layout} */
  layout = { row: 20, line: 18, wrap: false, columns: 80, meta: 0, most: WRAPPED_LINES, channel: 16, fields: "beside" };
  /** Pixels that are in sight. */
  viewport = 0;
  scale = new Scale(0, 0);
  #view;
  #heights = new Heights();
  #heightsOf = -1; // the view's shape that they belong to
  #unfolding;
  #grown = []; // ordinals of the rows in which something is unfolded
  #above = [0]; // pixels that those before each of them are higher, and all of them

  /** @param {import("./view.js").View} view @param {import("./unfolding.js").Unfolding} unfolding */
  constructor(view, unfolding) {
    this.#view = view;
    this.#unfolding = unfolding;
  }

  /** The number of rows that fit. */
  get page() {
    return Math.max(1, Math.floor(this.viewport / this.layout.row) - 1);
  }

  /** @param {Layout} layout */
  setLayout(layout) {
    this.layout = layout;
    this.forget();
  }

  /** Rows are others than before: measure them anew. */
  forget() {
    this.#heightsOf = -1;
  }

  /** Before anything is asked after rows came, went or were laid out anew. */
  measure() {
    const { wrap, row } = this.layout;
    if (wrap) this.#measureEach();
    this.#measureUnfolded();
    this.scale = new Scale((wrap ? this.#heights.total : this.#view.length * row) + this.#above.at(-1), this.viewport);
  }

  /** Pixels of the content above a row. */
  top(ordinal) {
    return this.#plainTop(ordinal) + this.#above[lastAtMost(this.#grown, ordinal - 1) + 1];
  }

  height(ordinal) {
    return this.top(ordinal + 1) - this.top(ordinal);
  }

  /** How one of them is drawn there. @param {any} id of a row, else null @param {number} whole as of `List` */
  style(ordinal, id, whole) {
    const { wrap } = this.layout;
    const unfolded = id === null ? 0 : this.unfolded(id);
    const isCut = wrap && unfolded === 0 && this.top(ordinal) < whole - 1 && this.top(ordinal + 1) > whole + 1;
    return {
      visibility: isCut ? "hidden" : "",
      height: wrap || unfolded > 0 ? `${this.height(ordinal)}px` : "",
      paddingBottom: unfolded > 0 ? `${unfolded}px` : "", // where it stands
    };
  }

  /** What of that is unfolded below what it says anyway. @param {number} key of the row */
  unfolded(key) {
    const { wrap, line, row } = this.layout;
    return this.#unfolding.lines(key) * (wrap ? line : row);
  }

  /** The row at so many pixels of the content. */
  at(offset) {
    const tops = this.#grown.map((ordinal, at) => this.#plainTop(ordinal) + this.#above[at]);
    const last = lastAtMost(tops, offset);
    if (last < 0) return this.#plainAt(offset);
    const ordinal = this.#grown[last];
    return offset < this.top(ordinal + 1) ? ordinal : this.#plainAt(offset - this.#above[last + 1]);
  }

  #plainTop(ordinal) {
    return this.layout.wrap ? this.#heights.top(ordinal) : ordinal * this.layout.row;
  }

  #plainAt(offset) {
    return this.layout.wrap ? this.#heights.at(offset) : Math.floor(offset / this.layout.row);
  }

  #measureUnfolded() {
    const shown = [...this.#unfolding.keys].filter((key) => this.#view.has(key));
    this.#grown = shown.map((key) => this.#view.ordinalOf(key)).sort((one, other) => one - other);
    this.#above = [0];
    for (const ordinal of this.#grown) this.#above.push(this.#above.at(-1) + this.unfolded(this.#view.keyAt(ordinal)));
  }

  #measureEach() {
    if (this.#heightsOf !== this.#view.shape) {
      this.#heights = new Heights();
      this.#heightsOf = this.#view.shape;
    }
    for (let ordinal = this.#heights.length; ordinal < this.#view.length; ordinal += 1) this.#heights.push(this.#heightOf(this.#view.at(ordinal)));
  }

  #heightOf(item) {
    const { row, line, columns, meta, most, fields } = this.layout;
    if ("mark" in item) return Math.max(row, MARK);
    const { segment, index } = item;
    const sign = isWhole(segment, index) ? 2 : 0; // characters in front of it
    const lines = linesOf(segment.message[index], columns - sign, most);
    const isBelow = fields === "below" || (fields === "beside" && lines > 1);
    const beside = fields === "below" ? FLAG.FIELDS : FLAG.FIELDS | FLAG.EXCEPTION;
    return meta + row - line + (lines + (isBelow && segment.flags[index] & beside ? 1 : 0)) * line;
  }
}
