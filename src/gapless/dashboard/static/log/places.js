/** Where the rows of a list stand: each in its content, and what of that in a spacer that may not be as high. */
import { Heights, linesOf, Scale } from "./geometry.js";
import { FLAG } from "./segment.js";

const WRAPPED_LINES = 12;
const MARK = 28; // pixels, at least

/**
 * @typedef {{row: number, line: number, wrap: boolean, columns: number, meta: number, most: number, channel: number}} Layout
 *   pixels: `row` is the height of one, `line` of one of the lines of a wrapped one, `meta` what stands above its message;
 *   characters: `columns` of a line of the message, `channel`; `most`: lines of a message
 */

export class Places {
  /** @type {Layout} */
  layout = { row: 20, line: 18, wrap: false, columns: 80, meta: 0, most: WRAPPED_LINES, channel: 16 };
  /** Pixels that are in sight. */
  viewport = 0;
  scale = new Scale(0, 0);
  #view;
  #heights = new Heights();
  #heightsOf = -1; // the view's shape that they belong to

  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.#view = view;
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
    this.scale = new Scale(wrap ? this.#heights.total : this.#view.length * row, this.viewport);
  }

  /** Pixels of the content above a row. */
  top(ordinal) {
    return this.layout.wrap ? this.#heights.top(ordinal) : ordinal * this.layout.row;
  }

  height(ordinal) {
    return this.top(ordinal + 1) - this.top(ordinal);
  }

  /** The row at so many pixels of the content. */
  at(offset) {
    return this.layout.wrap ? this.#heights.at(offset) : Math.floor(offset / this.layout.row);
  }

  #measureEach() {
    if (this.#heightsOf !== this.#view.shape) {
      this.#heights = new Heights();
      this.#heightsOf = this.#view.shape;
    }
    for (let ordinal = this.#heights.length; ordinal < this.#view.length; ordinal += 1) this.#heights.push(this.#heightOf(this.#view.at(ordinal)));
  }

  #heightOf(item) {
    const { row, line, columns, meta, most } = this.layout;
    if ("mark" in item) return Math.max(row, MARK);
    const { segment, index } = item;
    const fields = meta === 0 && segment.flags[index] & (FLAG.FIELDS | FLAG.EXCEPTION) ? 1 : 0;
    const lines = linesOf(segment.message[index], columns, most);
    return meta + row - line + (lines + (lines > 1 ? fields : 0)) * line;
  }
}
