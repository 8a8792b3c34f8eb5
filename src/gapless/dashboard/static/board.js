/** The newest values of the channels of statistics, one compact strip for each. */
import { make } from "./dom.js";
import { clock, count } from "./format.js";
import { cut, shown } from "./text.js";

const MAX_VALUES = 24;
const MAX_DEPTH = 3;
const MAX_CHARACTERS = 40; // of a name or a value
const LEFT_OUT = new Set(["time", "timestamp", "ts", "type"]); // they are no value of their own

export class Board {
  #parent;
  #newest = new Map(); // channel → {data, time}, to be painted
  #sections = new Map();
  #frame = 0;

  constructor(parent) {
    this.#parent = parent;
  }

  show(channel, data) {
    this.#newest.set(channel, { data, time: Date.now() });
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  hide(channel) {
    this.#newest.delete(channel);
    this.#sections.get(channel)?.remove();
    this.#sections.delete(channel);
    this.#parent.hidden = this.#sections.size === 0;
  }

  #paint() {
    this.#frame = 0;
    for (const [channel, { data, time }] of this.#newest) {
      const section = this.#sections.get(channel) ?? this.#add(channel);
      const values = [...flat(data)];
      const rest = values.length - MAX_VALUES;
      section.lastElementChild.replaceChildren(...values.slice(0, MAX_VALUES).map(toTile));
      if (rest > 0) section.lastElementChild.append(make("div", { className: "rest" }, `+${count(rest)} more`));
      section.title = `as of ${clock(time)}`;
    }
    this.#newest.clear();
    this.#parent.hidden = this.#sections.size === 0;
  }

  #add(channel) {
    const section = make("section", {}, make("h2", {}, shown(channel)), make("dl"));
    this.#sections.set(channel, section);
    this.#parent.append(section);
    return section;
  }
}

/** Each plain value with its path, `jobs.total`. */
function* flat(data, path = [], depth = 0) {
  if (typeof data !== "object" || data === null) return yield [path.join(".") || "value", data];
  if (depth === MAX_DEPTH) return yield [path.join("."), "…"];
  for (const [name, value] of Object.entries(data))
    if (depth > 0 || !LEFT_OUT.has(name)) yield* flat(value, [...path, name], depth + 1);
}

function toTile([name, value]) {
  const text = typeof value === "number" ? count(value) : String(value);
  const dd = make("dd", { className: typeof value }, shown(cut(text, MAX_CHARACTERS)));
  return make("div", {}, make("dt", {}, shown(cut(name, MAX_CHARACTERS))), dd);
}
