/** What clicks and keys do to the query: terms that come, change and go. */
import { inline } from "../core/json.js";
import { plusTerm, quote, withTerm } from "../log/query.js";

export class Filters {
  #box;
  #follow;
  #last = ""; // what was switched off

  /** @param {import("../ui/querybox.js").QueryBox} box @param {import("../log/follow.js").Follow} follow */
  constructor(box, follow) {
    this.#box = box;
    this.#follow = follow;
  }

  add(term) {
    this.#box.setFilter(plusTerm(this.#box.filter, term));
  }

  clear() {
    this.#box.setFilter("");
  }

  /** Off, and on again. */
  toggle() {
    const { filter } = this.#box;
    this.#box.setFilter(filter ? "" : this.#last);
    if (filter) this.#last = filter;
  }

  invert() {
    const { filter } = this.#box;
    if (filter) this.#box.setFilter(/^-\((.*)\)$/s.exec(filter)?.[1] ?? `-(${filter})`);
  }

  /** @param {string} name of a level, "": all of them */
  setMinimumLevel(name) {
    this.#box.setFilter(withTerm(this.#box.filter, "level", name ? `level>=${name}` : ""));
  }

  /** A value of a facet: this alone, or not any more; "add": this, too; "exclude": not this. */
  choose(path, value, how) {
    const term = `${path}:${quote(value)}`;
    const { filter } = this.#box;
    if (how === "exclude") return this.add(`-${term}`);
    if (how === "add") {
      const known = new RegExp(`(?:^|\\s)${path}:\\(?([^\\s()]+)\\)?`).exec(filter);
      return this.#box.setFilter(withTerm(filter, path, known ? `${path}:(${known[1]},${quote(value)})` : term));
    }
    this.#box.setFilter(withTerm(filter, path, this.isChosen(path, value) ? "" : term));
  }

  isChosen(path, value) {
    return ` ${this.#box.filter} `.includes(` ${path}:${quote(value)} `);
  }

  /** Only what has this in a field, or what has not. */
  field(path, value, isExcluded) {
    const term = `${path}:${quote(typeof value === "object" && value !== null ? String(value) : inline(value))}`;
    this.add(isExcluded ? `-${term}` : term);
  }

  /** @param {number|null} from milliseconds since 1970; null: any time @param {number|null} to */
  setRange(from, to) {
    const iso = (time) => new Date(time).toISOString();
    let text = withTerm(withTerm(this.#box.filter, "after", ""), "before", "");
    if (from !== null) {
      this.#follow.pause("reading");
      text = plusTerm(text, `after:${iso(from)} before:${iso(to)}`);
    }
    this.#box.setFilter(text);
  }
}
