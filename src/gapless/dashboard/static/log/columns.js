/** Columns of fields between logger and message: which, in which order, how wide, and the heads above them. */
import { make } from "../core/dom.js";
import { plain } from "./text.js";

const WIDTH = 12; // characters, of a column that nobody made wider
const STEP = 4;
const [LEAST, MOST] = [4, 60];
const MAX_COLUMNS = 8;

export class Columns {
  onChange = () => {};
  /** A head was clicked. @type {(head: HTMLElement, items: ([string, () => void]|null)[], words: string) => void} */
  onMenu = () => {};
  /** @type {{path: string, width: number}[]} */
  list = [];
  element = make("div", { className: "heads", role: "toolbar", "aria-label": "Columns", hidden: true });

  get paths() {
    return this.list.map(({ path }) => path);
  }

  /** In characters, with what is between them. */
  get width() {
    return this.list.reduce((sum, { width }) => sum + width + 1, 0);
  }

  /** As they stand in an address: `ms`, `request_id:16`. */
  get texts() {
    return this.list.map(({ path, width }) => (width === WIDTH ? path : `${path}:${width}`));
  }

  set texts(texts) {
    const read = (text) => {
      const [, path, width] = /^(.*?)(?::(\d{1,2}))?$/s.exec(text);
      return { path, width: Math.max(LEAST, Math.min(MOST, Number(width ?? WIDTH))) };
    };
    if (texts.join("\n") !== this.texts.join("\n")) this.#set(texts.slice(0, MAX_COLUMNS).map(read));
  }

  toggle(path) {
    if (this.paths.includes(path)) return this.#set(this.list.filter((column) => column.path !== path));
    return this.#set([...this.list.slice(-(MAX_COLUMNS - 1)), { path, width: WIDTH }]);
  }

  #move(column, step) {
    const others = this.list.filter((other) => other !== column);
    others.splice(Math.max(0, this.list.indexOf(column) + step), 0, column);
    this.#set(others);
  }

  #resize(column, step) {
    column.width = Math.max(LEAST, Math.min(MOST, column.width + step));
    this.#set(this.list);
  }

  #set(list) {
    this.list = list;
    this.element.hidden = list.length === 0;
    this.element.replaceChildren(...list.map((column) => this.#head(column)));
    this.onChange();
  }

  #head(column) {
    const words = plain(column.path);
    const head = make("button", { type: "button", className: "head", title: `${words}: move, resize, remove`, "aria-haspopup": "menu" }, words);
    head.style.width = `${column.width}ch`;
    head.onclick = () =>
      this.onMenu(head, [
        ["Move left", () => this.#move(column, -1)],
        ["Move right", () => this.#move(column, 1)],
        ["Wider", () => this.#resize(column, STEP)],
        ["Narrower", () => this.#resize(column, -STEP)],
        null,
        ["Remove the column", () => this.toggle(column.path)],
      ], words);
    return head;
  }
}
