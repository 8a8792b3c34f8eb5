/** A table that stays where it is while its numbers change: rows by key, sorted by a click on a heading. */
import { make } from "../core/dom.js";
import { count } from "../core/format.js";

/**
 * @typedef {{key: string, title: string, number?: boolean, show: (row: any) => (Node|string), sort?: (row: any) => any,
 *   hint?: string, small?: boolean, roomy?: boolean, by?: string}} Column `small`: also on a phone; `roomy`: only where there is much room;
 *   `by`: what the server calls it
 */

const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

export class Table {
  /** @type {(row: any) => void} */
  onOpen = () => {};
  onSort = () => {};
  #isPart = false;
  #columns;
  #keyOf;
  #rows = new Map();
  #sort;
  #body = make("tbody", {});
  #rest = make("p", { className: "rest muted" });
  #limit;
  #headings;
  #order = new Map(); // key → its place at the last look

  /**
   * @param {Column[]} columns the first one names the row, and opens it
   * @param {(row: any) => string} keyOf
   * @param {{label: string, sort: string, limit?: number}} options `sort`: key of a column; `limit`: rows shown at once
   */
  constructor(columns, keyOf, { label, sort, limit = 200 }) {
    this.#columns = columns;
    this.#keyOf = keyOf;
    this.#sort = { key: sort, down: true };
    this.#limit = limit;
    const head = columns.map((column) => this.#heading(column));
    const table = make("table", { "aria-label": label }, make("thead", {}, make("tr", {}, ...head)), this.#body);
    this.element = make("div", { className: "table" }, table, this.#rest);
    this.#headings = new Map(columns.map(({ key }, at) => [key, head[at]]));
    this.#body.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** What the server is to sort by: "" when it cannot. @returns {{sort?: string, order?: string}} */
  get order() {
    const { key, down } = this.#sort;
    const by = this.#columns.find((each) => each.key === key).by;
    return by ? { sort: by, order: down ? "desc" : "asc" } : {};
  }

  /** @param {any[]} rows @param {boolean} [isPart] are there others, and have these been sorted among them? */
  paint(rows, isPart = false) {
    this.#isPart = isPart;
    const focused = this.#body.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
    const shown = this.#sorted(rows, focused !== null || this.#body.matches(":hover")).slice(0, this.#limit);
    const { key, down } = this.#sort;
    for (const [name, heading] of this.#headings) {
      heading.setAttribute("aria-sort", name === key ? (down ? "descending" : "ascending") : "none");
      heading.firstChild.disabled = isPart && !this.#columns.find((each) => each.key === name).by;
    }
    const elements = shown.map((row) => this.#row(row));
    elements.forEach((element, at) => this.#body.children[at] !== element && this.#body.insertBefore(element, this.#body.children[at] ?? null));
    while (this.#body.children.length > elements.length) this.#body.lastChild.remove();
    for (const [name, { element }] of this.#rows) if (!element.isConnected && this.#rows.size > 2 * this.#limit) this.#rows.delete(name);
    this.#order = new Map(shown.map((row, at) => [this.#keyOf(row), at]));
    this.#rest.textContent = rows.length > shown.length ? `and ${count(rows.length - shown.length)} more` : "";
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
    this.#rove(focused?.isConnected ? focused : null);
  }

  /** In the order that was asked for. What somebody points at stays where it is, and new rows come behind. */
  #sorted(rows, isHeld) {
    const { key, down } = this.#sort;
    const column = this.#columns.find((each) => each.key === key);
    const value = column.sort ?? column.show;
    const place = (row) => (isHeld ? (this.#order.get(this.#keyOf(row)) ?? Infinity) : 0);
    if (this.#isPart) return rows.toSorted((one, other) => compare(place(one), place(other)));
    return rows.toSorted((one, other) => compare(place(one), place(other)) || compare(value(one), value(other)) * (down ? -1 : 1) || compare(this.#keyOf(one), this.#keyOf(other)));
  }

  /** One stop for the Tab key; within, the arrows go from row to row. */
  #rove(current) {
    const openers = this.#openers;
    const stop = openers.includes(current) ? current : (openers.find((opener) => opener.tabIndex === 0) ?? openers[0]);
    for (const opener of openers) opener.tabIndex = opener === stop ? 0 : -1;
  }

  get #openers() {
    return [...this.#body.querySelectorAll(".row-open")].map((each) => /** @type {HTMLElement} */ (each));
  }

  #onKey(event) {
    const step = STEPS[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const openers = this.#openers;
    const at = openers.indexOf(event.target);
    if (at < 0) return;
    event.preventDefault();
    const next = openers[Math.max(0, Math.min(openers.length - 1, at + step))];
    next.focus();
    this.#rove(next);
  }

  #row(row) {
    const key = this.#keyOf(row);
    let known = this.#rows.get(key);
    if (!known) {
      const opener = make("button", { type: "button", className: "row-open", tabIndex: -1, "aria-haspopup": "dialog" });
      const cells = this.#columns.map((column, at) => make(at === 0 ? "th" : "td", { className: classOf(column), ...(at === 0 ? { scope: "row" } : {}) }));
      cells[0].append(opener);
      const element = make("tr", {}, ...cells);
      known = { element, cells: [opener, ...cells.slice(1)], row };
      element.onclick = () => {
        if (document.getSelection()?.isCollapsed === false) return; // of a text in it, to be copied
        opener.focus({ preventScroll: true });
        this.onOpen(known.row);
      };
      this.#rows.set(key, known);
    }
    known.row = row;
    this.#columns.forEach((column, at) => put(known.cells[at], column.show(row)));
    return known.element;
  }

  #heading(column) {
    const button = make("button", { type: "button", title: column.hint ?? "" }, column.title);
    button.onclick = () => {
      this.#sort = { key: column.key, down: this.#sort.key === column.key ? !this.#sort.down : Boolean(column.number) };
      this.#order.clear();
      this.onSort();
    };
    return make("th", { scope: "col", className: classOf(column) }, button);
  }
}

/** A line of numbers, as wide and high as it is asked to be. */
export function spark(numbers, { width = 80, height = 18 } = {}) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const most = Math.max(...numbers, 1e-9);
  const points = numbers.map((number, at) => `${((at / Math.max(1, numbers.length - 1)) * width).toFixed(1)},${(height - 1 - (number / most) * (height - 2)).toFixed(1)}`);
  const line = document.createElementNS(space, "polyline");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("width", String(width));
  svg.setAttribute("height", String(height));
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("points", points.join(" "));
  svg.append(line);
  return svg;
}

function classOf({ number, small, roomy }) {
  return [number ? "number" : "", small ? "" : "wide", roomy ? "roomy" : ""].filter(Boolean).join(" ");
}

function put(cell, content) {
  if (typeof content === "string") {
    if (cell.textContent !== content || cell.firstElementChild) cell.textContent = content;
  } else cell.replaceChildren(content);
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one === other ? 0 : one - other;
  return String(one) < String(other) ? -1 : String(one) > String(other) ? 1 : 0;
}
