/** Which page of a list is shown that the server tells in pages, and the way to the others. */
import { make } from "../core/dom.js";
import { count } from "../core/format.js";

export class Pager {
  /** Another page is wanted. */
  onTurn = () => {};
  element = make("div", { className: "pager" });
  #cursors = [""]; // where the pages up to this one begin
  #next = "";
  #size;
  #words = make("span", { className: "muted" });
  #before = make("button", { type: "button", className: "icon", "aria-label": "Page before", onclick: () => this.#turn(() => this.#cursors.pop()) }, "‹");
  #behind = make("button", { type: "button", className: "icon", "aria-label": "Next page", onclick: () => this.#turn(() => this.#cursors.push(this.#next)) }, "›");

  /** @param {number} size rows of a page */
  constructor(size) {
    this.#size = size;
    this.element.append(this.#words, this.#before, this.#behind);
  }

  /** What to ask the server for: "" is the first page. */
  get cursor() {
    return this.#cursors.at(-1);
  }

  get isFirst() {
    return this.#cursors.length === 1;
  }

  /** The order is another one: back to the first page. */
  restart() {
    this.#cursors = [""];
  }

  /**
   * What the server answered with.
   * @param {number} shown rows of this page @param {string} of how many in words @param {string} [next] its cursor
   */
  show(shown, of, next = "") {
    this.#next = next;
    const begin = (this.#cursors.length - 1) * this.#size;
    const isAll = this.isFirst && next === "";
    this.#words.textContent = isAll || shown === 0 ? of : `${count(begin + 1)} to ${count(begin + shown)} of ${of}`;
    this.#before.hidden = this.#behind.hidden = isAll;
    this.#before.disabled = this.isFirst;
    this.#behind.disabled = next === "";
  }

  #turn(move) {
    move();
    this.onTurn();
  }
}
