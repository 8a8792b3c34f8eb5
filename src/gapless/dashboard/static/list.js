/**
 * The rows in the document, in chunks that the browser skips while they are out of view: with thousands
 * of rows side by side, laying them out would cost more than everything else.
 */
import { make } from "./dom.js";

const CHUNK = 100; // rows
const ROW_PX = 20; // what a row is taken to be high until it was seen

export class List {
  #parent;

  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.#parent = parent;
  }

  /** @param {HTMLElement[]} rows to put at the end */
  append(rows) {
    for (let at = 0; at < rows.length; ) {
      const last = this.#parent.lastElementChild;
      const chunk = last && last.childElementCount < CHUNK ? last : make("ol");
      const taken = rows.slice(at, at + CHUNK - chunk.childElementCount);
      chunk.append(...taken);
      chunk.style.containIntrinsicHeight = `auto ${chunk.childElementCount * ROW_PX}px`;
      if (chunk !== last) this.#parent.append(chunk);
      at += taken.length;
    }
  }

  /** @param {HTMLElement[]} rows instead of all that are there */
  replace(rows) {
    this.#parent.replaceChildren();
    this.append(rows);
  }

  /** @param {HTMLElement} row that may be here or not */
  remove(row) {
    const chunk = row.parentElement;
    row.remove();
    if (chunk?.childElementCount === 0) chunk.remove();
  }
}
