/** What there is, by level, channel, logger and source, with how much of each. A click makes it the filter. */
import { make } from "../core/dom.js";
import { count, short } from "../core/format.js";
import { plain } from "../log/ansi.js";
import { LEVELS } from "../log/levels.js";
import { hueOf } from "../log/row.js";

const SHOWN = 50; // values of one facet
const FILTERED_FROM = 12; // channels: from here on there is a field to look for one

export class Facets {
  /** A value was chosen: "only", "add" or "exclude". @type {(path: string, value: string, how: string) => void} */
  onChoose = () => {};
  /** @type {(channel: string) => void} */
  onChannel = () => {};
  #groups = new Map();
  #wanted = ""; // of the channels

  constructor(parent) {
    this.element = make("aside", { className: "facets", "aria-label": "What there is" });
    parent.append(this.element);
  }

  /**
   * @param {import("../log/store.js").Store} store
   * @param {{name: string, on: boolean, error: object|null, count: number}[]} channels
   * @param {(path: string, value: string) => boolean} isChosen
   */
  paint(store, channels, isChosen) {
    const levels = LEVELS.toReversed().map(({ rank, name }) => ({ name, count: store.levels[rank] })).filter(({ count }) => count > 0);
    this.#group("level", "Level", levels, (value) => this.#value("level", value, isChosen));
    this.#channels(channels);
    const loggers = store.loggers.top(SHOWN).filter(({ name }) => name);
    this.#group("logger", "Logger or type", loggers, (value) => this.#value("logger", value, isChosen));
    const sources = store.sources.top(SHOWN).filter(({ name }) => name);
    this.#group("source", "Source", sources, (value) => this.#value("source", value, isChosen));
  }

  #channels(channels) {
    const wanted = channels.filter(({ name }) => name.toLowerCase().includes(this.#wanted));
    const rank = (channel) => (channel.on ? 0 : 1);
    const shown = wanted.toSorted((one, other) => rank(one) - rank(other) || (one.name < other.name ? -1 : 1)).slice(0, SHOWN);
    const group = this.#group("channel", "Channel", shown, (channel) => this.#channel(channel), wanted.length - shown.length);
    if (!group || channels.length <= FILTERED_FROM || group.querySelector("input")) return;
    const field = make("input", { type: "search", placeholder: `Find one of ${count(channels.length)}`, "aria-label": "Find a channel", className: "facet-filter" });
    field.oninput = () => (this.#wanted = field.value.trim().toLowerCase());
    group.querySelector("h2").after(field);
  }

  /** The element of a group, its values brought up to date; null when it has none. */
  #group(key, title, values, toElement, rest = 0) {
    let group = this.#groups.get(key);
    if (!group) {
      group = { element: make("section", {}, make("h2", {}, title), make("div", { className: "values" }), make("p", { className: "rest" })), known: "", rows: new Map() };
      this.#groups.set(key, group);
      this.element.append(group.element);
    }
    group.element.hidden = values.length === 0 && !(key === "channel" && this.#wanted);
    const rows = values.map((value) => {
      const row = group.rows.get(value.name) ?? toElement(value);
      group.rows.set(value.name, row);
      row.update(value);
      return row.element;
    });
    const parent = group.element.querySelector(".values");
    rows.forEach((row, at) => parent.children[at] !== row && parent.insertBefore(row, parent.children[at] ?? null));
    while (parent.children.length > rows.length) parent.lastChild.remove();
    if (group.rows.size > 4 * SHOWN) for (const [name, row] of group.rows) if (!row.element.isConnected) group.rows.delete(name);
    group.element.querySelector(".rest").textContent = rest > 0 ? `and ${count(rest)} more` : "";
    return group.element.hidden ? null : group.element;
  }

  #value(path, { name }, isChosen) {
    const number = make("span", { className: "number" });
    const mark = path === "level" ? `level-mark level-${name}` : path === "source" ? `swatch hue-bg-${hueOf(name)}` : `swatch hue-bg-${hueOf(name)} round`;
    const words = make("span", { className: "name" }, plain(name === "none" ? "no level" : name));
    const letter = path === "level" ? LEVELS.find((level) => level.name === name).letter : "";
    const element = make("button", { type: "button", className: "facet", title: `${plain(name)}\nClick: only this. Ctrl: this, too. Alt: not this.` }, make("span", { className: mark, "aria-hidden": "true" }, letter), words, number);
    element.onclick = (event) => this.onChoose(path, name, event.altKey ? "exclude" : event.ctrlKey || event.metaKey ? "add" : "only");
    const update = (value) => {
      number.textContent = short(value.count);
      element.setAttribute("aria-pressed", isChosen(path, name));
    };
    return { element, update };
  }

  #channel({ name }) {
    const number = make("span", { className: "number" });
    const box = make("input", { type: "checkbox" });
    box.onchange = () => this.onChannel(name);
    const element = make("label", { className: "facet channel" }, box, make("span", { className: "name" }, plain(name)), number);
    const update = (channel) => {
      if (box.checked !== channel.on) box.checked = channel.on;
      number.textContent = channel.error ? "refused" : short(channel.count);
      element.title = channel.error ? `${plain(channel.error.message)} (${channel.error.code})` : plain(name);
      element.classList.toggle("refused", Boolean(channel.error));
    };
    return { element, update };
  }
}
