/** What there is, by level, channel, logger and source, with how much of each. A click makes it the filter. */
import { make } from "../core/dom.js";
import { count, short } from "../core/format.js";
import { plain } from "../log/ansi.js";
import { FieldCounts } from "../log/counting.js";
import { LEVELS } from "../log/levels.js";
import { hueOf } from "../log/row.js";

const SHOWN = 50; // values of one facet
const MAX_FIELDS = 8; // with a facet of their own
const FILTERED_FROM = 12; // channels: from here on there is a field to look for one

export class Facets {
  /** A value was chosen: "only", "add" or "exclude". @type {(path: string, value: string, how: string) => void} */
  onChoose = () => {};
  /** @type {(channel: string) => void} */
  onChannel = () => {};
  /** Other fields have a facet now. @type {(paths: string[]) => void} */
  onFields = () => {};
  /** @type {FieldCounts[]} */
  #fields = [];
  #store;
  #groups = new Map();
  #wanted = ""; // of the channels

  /** @param {HTMLElement} element where they stand @param {import("../log/store.js").Store} store */
  constructor(element, store) {
    this.#store = store;
    this.element = element;
  }

  /** Paths of the fields that have a facet. */
  get fields() {
    return this.#fields.map(({ path }) => path);
  }

  set fields(paths) {
    if (paths.join("\n") === this.fields.join("\n")) return;
    for (const path of this.fields) this.#drop(path);
    this.#fields = [...new Set(paths)].slice(-MAX_FIELDS).map((path) => new FieldCounts(this.#store, path));
    this.onFields(this.fields);
  }

  toggleField(path) {
    this.fields = this.fields.includes(path) ? this.fields.filter((each) => each !== path) : [...this.fields, path];
  }

  #drop(path) {
    const group = this.#groups.get(`field ${path}`);
    group?.element.remove();
    this.#groups.delete(`field ${path}`);
  }

  /**
   * @param {{name: string, on: boolean, error: object|null, count: number}[]} channels
   * @param {(path: string, value: string) => boolean} isChosen
   */
  paint(channels, isChosen) {
    const store = this.#store;
    const levels = LEVELS.toReversed().map(({ rank, name }) => ({ name, count: store.levels[rank] })).filter(({ count }) => count > 0);
    this.#group("level", "Level", levels, (value) => this.#value("level", value, isChosen));
    this.#channels(channels);
    const loggers = store.loggers.top(SHOWN).filter(({ name }) => name);
    this.#group("logger", "Logger or type", loggers, (value) => this.#value("logger", value, isChosen));
    const sources = store.sources.top(SHOWN).filter(({ name }) => name);
    this.#group("source", "Source", sources, (value) => this.#value("source", value, isChosen));
    for (const counts of this.#fields) this.#field(counts, isChosen);
  }

  #field(counts, isChosen) {
    const { path } = counts;
    counts.work();
    const { progress } = counts;
    const top = counts.top(SHOWN);
    const values = top.length > 0 ? top : [];
    const group = this.#group(`field ${path}`, plain(path), values, (value) => this.#value(path, value, isChosen));
    const element = this.#groups.get(`field ${path}`).element;
    element.hidden = false;
    if (!element.querySelector("h2 button")) element.querySelector("h2").append(make("button", { type: "button", className: "icon", "aria-label": `Remove the facet of ${plain(path)}`, onclick: () => this.toggleField(path) }, "✕"));
    const others = counts.others > 0 ? `${short(counts.others)} with other values` : "";
    element.querySelector(".rest").textContent = progress < 1 ? `${Math.floor(progress * 100)} % counted` : group && top.length > 0 ? others : "no line has it";
  }

  #channels(channels) {
    const wanted = channels.filter(({ name }) => name.toLowerCase().includes(this.#wanted));
    const rank = (channel) => (channel.on ? 0 : 1);
    const shown = wanted.toSorted((one, other) => rank(one) - rank(other) || (one.name < other.name ? -1 : 1)).slice(0, SHOWN);
    const group = this.#group("channel", "Channel", shown, (channel) => this.#channel(channel), wanted.length - shown.length);
    if (!group || channels.length <= FILTERED_FROM || group.querySelector(".facet-filter")) return;
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
