/** One row of the list: an element that is filled again and again, as the list moves. Text enters as text nodes. */
import { make } from "../core/dom.js";
import { inline } from "../core/json.js";
import { bytes, count } from "../core/format.js";
import { written } from "../core/time.js";
import { cut } from "./ansi.js";
import { levelOf } from "./levels.js";
import { exceptionOf, fieldsOf, pageOf, valueAt } from "./shape.js";
import { FLAG } from "./store.js";
import { hitsIn, nodesOf, plain } from "./text.js";

const CHARACTERS = 2_000; // of a message; the rest is in the drawer
const LINES = 12;
const FIELDS = 8;
const FIELD_CHARACTERS = 160;

/**
 * @typedef {{time: string, now: number, highlights: RegExp[], paths: string[], columns: string[], colours: boolean,
 *   dark: boolean, wrap: boolean, manyChannels: boolean}} Look how rows are drawn
 */

export class Row {
  /** @param {string} id for `aria-activedescendant` */
  constructor(id) {
    this.time = make("span", { className: "time" });
    this.level = make("span", { className: "level" });
    this.channel = make("span", { className: "channel" });
    this.logger = make("span", { className: "logger" });
    this.message = make("span", { className: "message" });
    this.actions = make("span", { className: "row-actions" });
    this.fields = make("span", { className: "fields" });
    this.more = make("button", { type: "button", className: "more", tabIndex: -1, hidden: true, "data-open": "raw" });
    const body = make("span", { className: "body" }, this.message, this.more, this.actions, this.fields);
    this.element = make("div", { className: "row", id, role: "row" }, this.time, this.level, this.channel, this.logger, body);
    for (const cell of this.element.children) cell.setAttribute("role", "gridcell");
    this.shown = undefined; // what it was filled with
    this.drawn = -1; // and in which state of the look
  }

  /**
   * @param {import("./view.js").Item} item
   * @param {import("./store.js").Store} store
   * @param {Look} look
   * @param {number|null} before the time of the row above
   */
  fill(item, store, look, before) {
    const { segment, index } = item;
    const row = store.row(segment, index);
    const { element } = this;
    const level = levelOf(row.level);
    element.className = `row level-${level.name}${row.flags & FLAG.GUESSED ? " guessed" : ""}`;
    element.dataset.key = row.key;
    element.style.setProperty("--hue", `var(--hue-${hueOf(row.source || row.channel)})`);
    this.time.textContent = written(row.time, look.time, { now: look.now, before });
    this.time.classList.toggle("late", (row.flags & FLAG.LATE) !== 0);
    this.time.title = row.flags & FLAG.LATE ? "This line came late: it is more than 5 s older than the one before it." : "";
    this.level.textContent = level.letter;
    this.level.title = level.name;
    this.channel.textContent = look.manyChannels ? plain(row.channel) : "";
    this.logger.textContent = "";
    this.logger.append(...nodesOf(row.logger, { highlights: look.highlights }));
    this.logger.className = `logger hue-${hueOf(row.logger)}`;
    this.logger.title = plain(row.logger);
    this.#fillMessage(row, look);
    this.#fillFields(row, store, segment, index, look);
  }

  #fillMessage({ message, flags }, look) {
    const start = cut(look.wrap ? message : firstLine(message), CHARACTERS, LINES);
    this.message.textContent = "";
    this.message.append(...nodesOf(start, look));
    this.more.hidden = start.length === message.length;
    if (this.more.hidden) return;
    const rest = message.length - start.length;
    const lines = flags & FLAG.LINES && !look.wrap ? message.split("\n", 1_000).length - 1 : 0;
    const words = lines > 0 && rest < 4_096 ? `+${count(lines)} ${lines === 1 ? "line" : "lines"}` : `+${bytes(rest)}`;
    this.more.textContent = words;
  }

  #fillFields(row, store, segment, index, look) {
    this.fields.textContent = "";
    this.actions.textContent = "";
    if (!(row.flags & (FLAG.FIELDS | FLAG.EXCEPTION))) return;
    const data = store.data(segment, index);
    const nodes = [];
    if (row.flags & FLAG.EXCEPTION) {
      const exception = exceptionOf(data);
      const words = [exception.type, exception.message].filter(Boolean).join(": ");
      this.actions.append(make("button", { type: "button", className: "exception", tabIndex: -1, "data-open": "exception" }, ...nodesOf(cut(firstLine(words), FIELD_CHARACTERS), look)));
    }
    if (pageOf(data) !== null) this.actions.append(make("button", { type: "button", className: "page", tabIndex: -1, "data-open": "page" }, "Open page"));
    for (const path of look.columns) nodes.push(...field(path, valueAt(data, path), look));
    const entries = ordered(fieldsOf(data, row.message).filter(([name]) => !look.columns.includes(name)), look);
    for (const [name, value] of entries.slice(0, FIELDS)) nodes.push(...field(name, value, look));
    if (entries.length > FIELDS) nodes.push(`  +${entries.length - FIELDS}`);
    this.fields.append(...nodes);
  }
}

/** One of twelve, the same for the same name in every visit. */
export function hueOf(name) {
  let hash = 2166136261;
  for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 16777619);
  return ((hash ^ (hash >>> 15)) >>> 0) % 12;
}

/** The text of a row as it is seen, for copying. */
export function textOf(row, data, time) {
  const fields = fieldsOf(data, row.message).map(([name, value]) => `${name}=${inline(value)}`);
  const exception = row.flags & FLAG.EXCEPTION ? `\n${exceptionOf(data).text}` : "";
  return plain([time, levelOf(row.level).letter, row.logger, row.message, ...fields].filter(Boolean).join("  ") + exception);
}

function field(name, value, look) {
  if (value === undefined) return [];
  const text = inline(value) ?? "null";
  const start = cut(firstLine(text), FIELD_CHARACTERS);
  const key = make("span", { className: "key" }, ...nodesOf(cut(name, FIELD_CHARACTERS), look), "=");
  return ["  ", key, ...nodesOf(start, look), start.length < text.length ? "…" : ""];
}

/** Fields that were asked for come first: what a query found is in sight. */
function ordered(entries, { highlights, paths }) {
  if (highlights.length === 0 && paths.length === 0) return entries;
  const wanted = ([name, value]) =>
    paths.some((path) => path === name || path.endsWith(`.${name}`)) || (highlights.length > 0 && hitsIn(`${name}=${inline(value)}`, highlights).length > 0);
  return [...entries.filter(wanted), ...entries.filter((entry) => !wanted(entry))];
}

function firstLine(text) {
  const end = text.indexOf("\n");
  return end < 0 ? text : text.slice(0, end);
}
