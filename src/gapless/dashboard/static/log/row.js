/** One row of the list: an element that is filled again and again, as the list moves. Text enters as text nodes. */
import { make } from "../core/dom.js";
import { inline } from "../core/json.js";
import { bytes, count } from "../core/format.js";
import { day, written } from "../core/time.js";
import { cut } from "./ansi.js";
import { levelOf } from "./levels.js";
import { exceptionOf, fieldsOf, pageOf, valueAt } from "./shape.js";
import { FLAG } from "./segment.js";
import { hitsIn, nodesOf, plain } from "./text.js";

const CHARACTERS = 2_000; // of a message; the rest is in the drawer
const LINES = 12;
const FIELDS = 8;
const FIELD_CHARACTERS = 160;

/**
 * @typedef {{time: string, now: number, highlights: RegExp[], pins: RegExp[], paths: string[],
 *   columns: {path: string, width: number}[], colours: boolean, channelWidth: number,
 *   dark: boolean, wrap: boolean, manyChannels: boolean, bookmarks: Set<number>}} Look how rows are drawn
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
    this.times = make("button", { type: "button", className: "times", tabIndex: -1, hidden: true, "data-fold": "" });
    const body = make("span", { className: "body" }, this.times, this.message, this.more, this.actions, this.fields);
    this.cells = make("span", { className: "cells" });
    this.element = make("div", { className: "row", id, role: "row" }, this.time, this.level, this.channel, this.logger, this.cells, body);
    for (const cell of this.element.children) cell.setAttribute("role", "gridcell");
    this.shown = undefined; // what it was filled with
    this.drawn = -1; // in which state of the look,
    this.stands = 1; // for how many rows,
    this.before = null; // and below a row of which time
  }

  /**
   * @param {import("./view.js").Item} item
   * @param {import("./store.js").Store} store
   * @param {Look} look
   * @param {{before: number|null, times: number}} context `before`: the time of the row above; `times`: rows it stands for
   */
  fill(item, store, look, { before, times }) {
    const { segment, index } = item;
    const row = store.row(segment, index);
    const { element } = this;
    const level = levelOf(row.level);
    element.className = `row level-${level.name}${row.flags & FLAG.GUESSED ? " guessed" : ""}${look.bookmarks.has(row.key) ? " bookmarked" : ""}`;
    this.#fillDay(row.time, before, look.time);
    element.dataset.key = row.key;
    element.style.setProperty("--hue", `var(--hue-${hueOf(row.source || row.channel)})`);
    this.time.textContent = written(row.time, look.time, { now: look.now, before });
    this.times.hidden = times < 2;
    this.times.textContent = times < 2 ? "" : `×${count(times)}`;
    this.times.title = times < 2 ? "" : `${count(times)} lines that say the same: show them, or fold them again`;
    this.time.classList.toggle("late", (row.flags & FLAG.LATE) !== 0);
    this.time.title = row.flags & FLAG.LATE ? "This line came late: it is more than 5 s older than the one before it." : "";
    this.level.textContent = level.letter;
    this.level.title = level.name;
    this.channel.textContent = look.manyChannels ? ending(plain(row.channel), look.channelWidth) : "";
    this.channel.className = `channel hue-${hueOf(row.channel)}`;
    this.channel.title = plain(row.channel);
    this.logger.textContent = "";
    this.logger.append(...nodesOf(row.logger, { highlights: look.highlights }));
    this.logger.className = `logger hue-${hueOf(row.logger)}`;
    this.logger.title = plain(row.logger);
    this.#fillMessage(row, look);
    this.#fillFields(row, store, segment, index, look);
  }

  /** Where another day begins, a thin line says so. */
  #fillDay(time, before, mode) {
    const zone = mode === "utc" || mode === "iso" ? "utc" : "local";
    const another = time !== null && before !== null && !Number.isNaN(before) && day(time, zone) !== day(before, zone);
    if (another) this.element.dataset.day = day(time, zone);
    else delete this.element.dataset.day;
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
    this.cells.textContent = "";
    for (const { width } of look.columns) this.cells.append(cellOf(width));
    if (!(row.flags & (FLAG.FIELDS | FLAG.EXCEPTION))) return;
    const data = store.data(segment, index);
    const nodes = [];
    if (row.flags & FLAG.EXCEPTION) {
      const exception = exceptionOf(data);
      const words = [exception.type, exception.message].filter(Boolean).join(": ");
      this.actions.append(make("button", { type: "button", className: "exception", tabIndex: -1, "data-open": "exception" }, ...nodesOf(cut(firstLine(words), FIELD_CHARACTERS), look)));
    }
    if (pageOf(data) !== null) this.actions.append(make("button", { type: "button", className: "page", tabIndex: -1, "data-open": "page" }, "Open page"));
    const columns = look.columns.map(({ path }) => path);
    columns.forEach((path, at) => fillCell(this.cells.children[at], valueAt(data, path), look));
    const isElsewhere = (name) => columns.some((path) => path === name || path.endsWith(`.${name}`));
    const entries = ordered(fieldsOf(data, row.message).filter(([name]) => !isElsewhere(name)), look);
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

function cellOf(width) {
  const cell = make("span", { className: "cell" });
  cell.style.width = `${width}ch`;
  return cell;
}

function fillCell(cell, value, look) {
  const text = value === undefined ? "" : (inline(value) ?? "null");
  cell.append(...nodesOf(cut(firstLine(text), FIELD_CHARACTERS), look));
  cell.title = plain(cut(text, FIELD_CHARACTERS));
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

/** Of a name that is too long its end: that is where names of one family differ. */
function ending(name, width) {
  return name.length > width ? `…${name.slice(name.length - width + 1)}` : name;
}

function firstLine(text) {
  const end = text.indexOf("\n");
  return end < 0 ? text : text.slice(0, end);
}
