/** A table that stays where it is while its numbers change: rows by key, sorted by a click on a heading. */
import { make } from "../core/dom.js";
import { count } from "../core/format.js";

/**
 * @typedef {{key: string, title: string, number?: boolean, show: (row: any) => (Node|string), sort?: (row: any) => any,
 *   hint?: string, small?: boolean}} Column `small`: also where there is little room
 */

export class Table {
  /** @type {(row: any) => void} */
  onOpen = () => {};
  onSort = () => {};
  #columns;
  #keyOf;
  #rows = new Map();
  #sort;
  #body = make("tbody", {});
  #rest = make("p", { className: "rest muted" });
  #limit;

  /**
   * @param {Column[]} columns
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
    this.element = make("div", { className: "table", tabIndex: 0 }, table, this.#rest);
    this.#headings = new Map(columns.map(({ key }, at) => [key, head[at]]));
  }

  #headings;

  paint(rows) {
    const { key, down } = this.#sort;
    const column = this.#columns.find((each) => each.key === key);
    const value = column.sort ?? column.show;
    const sorted = rows.toSorted((one, other) => compare(value(one), value(other)) * (down ? -1 : 1) || compare(this.#keyOf(one), this.#keyOf(other)));
    const shown = sorted.slice(0, this.#limit);
    for (const [name, heading] of this.#headings) heading.setAttribute("aria-sort", name === key ? (down ? "descending" : "ascending") : "none");
    const elements = shown.map((row) => this.#row(row));
    elements.forEach((element, at) => this.#body.children[at] !== element && this.#body.insertBefore(element, this.#body.children[at] ?? null));
    while (this.#body.children.length > elements.length) this.#body.lastChild.remove();
    for (const [name, { element }] of this.#rows) if (!element.isConnected && this.#rows.size > 2 * this.#limit) this.#rows.delete(name);
    this.#rest.textContent = rows.length > shown.length ? `and ${count(rows.length - shown.length)} more` : "";
  }

  #row(row) {
    const key = this.#keyOf(row);
    let known = this.#rows.get(key);
    if (!known) {
      const cells = this.#columns.map((column, at) => make(at === 0 ? "th" : "td", { className: classOf(column), ...(at === 0 ? { scope: "row" } : {}) }));
      const element = make("tr", { tabIndex: 0 }, ...cells);
      known = { element, cells, row };
      element.onclick = () => this.onOpen(known.row);
      element.addEventListener("keydown", (event) => event.key === "Enter" && event.target === element && this.onOpen(known.row));
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

function classOf({ number, small }) {
  return [number ? "number" : "", small ? "" : "wide"].filter(Boolean).join(" ");
}

function put(cell, content) {
  if (typeof content === "string") {
    if (cell.textContent !== content || cell.firstElementChild) cell.textContent = content;
  } else cell.replaceChildren(content);
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one) < String(other) ? -1 : String(one) > String(other) ? 1 : 0;
}
