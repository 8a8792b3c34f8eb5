/** One row of the list: an element that is filled again and again, as the list moves. Text enters as text nodes. */
import { make } from "../core/dom.js";
import { inline } from "../core/json.js";
import { bytes, count } from "../core/format.js";
import { day, written } from "../core/time.js";
import { cut } from "./ansi.js";
import { levelOf } from "./levels.js";
import { CHARACTERS as FIELD_CHARACTERS, entriesOf, fillFields, fillUnfolded, firstLine, offerUnfolding, put, say, unfolder } from "./fields.js";
import { exceptionOf, fieldsOf, pageOf, valueAt } from "./shape.js";
import { FLAG, isWhole } from "./segment.js";
import { nodesOf, plain } from "./text.js";
import { toPath } from "./unfolding.js";

const CHARACTERS = 2_000; // of a message; the rest is in the drawer
const LINES = 12;
const NOTHING = new Set(); // unfolded, as in most rows
const WHOLE = toPath([""]);

/**
 * @typedef {{time: string, now: number, highlights: RegExp[], pins: RegExp[], paths: string[],
 *   columns: {path: string, width: number}[], colours: boolean, channelWidth: number,
 *   dark: boolean, wrap: boolean, manyChannels: boolean, bookmarks: Set<number>,
 *   unfolding: import("./unfolding.js").Unfolding}} Look how rows are drawn
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
    this.exception = make("button", { type: "button", className: "exception", tabIndex: -1, "data-open": "exception" });
    this.page = make("button", { type: "button", className: "page", tabIndex: -1, "data-open": "page" }, "Open page");
    this.fields = make("span", { className: "fields" });
    this.more = make("button", { type: "button", className: "more", tabIndex: -1, hidden: true, "data-open": "raw" });
    this.times = make("button", { type: "button", className: "times", tabIndex: -1, hidden: true, "data-fold": "" });
    this.whole = unfolder();
    this.whole.hidden = true;
    this.whole.classList.add("whole");
    this.unfolded = make("span", { className: "unfolded", hidden: true });
    const body = make("span", { className: "body" }, this.times, this.whole, this.message, this.more, this.actions, this.fields);
    this.cells = make("span", { className: "cells" });
    this.element = make("div", { className: "row", id, role: "row" }, this.time, this.level, this.channel, this.logger, this.cells, body, this.unfolded);
    for (const cell of this.element.children) cell.setAttribute("role", "gridcell");
    this.shown = undefined; // what it was filled with
    this.drawn = -1; // in which state of the look,
    this.stands = 1; // for how many rows,
    this.before = null; // and below a row of which time
  }

  /**
   * @param {import("./view.js").Place} item
   * @param {import("./store.js").Store} store
   * @param {Look} look
   * @param {{before: number|null, times: number}} context `before`: the time of the row above; `times`: rows it stands for
   */
  fill(item, store, look, { before, times }) {
    const { segment, index } = item;
    const row = store.row(segment, index);
    const { element } = this;
    const level = levelOf(row.level);
    this.#fillDay(row.time, before, look.time);
    put(element, "data-key", String(row.key));
    const edge = `var(--hue-${hueOf(row.source || row.channel)})`;
    if (element.style.borderLeftColor !== edge) element.style.borderLeftColor = edge;
    say(this.time, [written(row.time, look.time, { now: look.now, before })]);
    const isFolded = times > 1;
    this.times.hidden = !isFolded;
    say(this.times, isFolded ? [`×${count(times)}`] : []);
    put(this.times, "title", isFolded ? `${count(times)} lines that say the same: show them, or fold them again` : "");
    const isLate = (row.flags & FLAG.LATE) !== 0;
    this.time.classList.toggle("late", isLate);
    put(this.time, "title", isLate ? "This line came late: it is more than 5 s older than the one before it." : "");
    say(this.level, [level.letter]);
    put(this.level, "title", level.name);
    say(this.channel, look.manyChannels ? [ending(plain(row.channel), look.channelWidth)] : []);
    put(this.channel, "class", `channel hue-${hueOf(row.channel)}`);
    put(this.channel, "title", plain(row.channel));
    say(this.logger, nodesOf(row.logger, { highlights: look.highlights }));
    put(this.logger, "class", `logger hue-${hueOf(row.logger)}`);
    put(this.logger, "title", plain(row.logger));
    this.#fillMessage(row, look);
    this.#fillFields(row, store, segment, index, look);
    this.#fillWhole(row, store, segment, index, look);
    const hasParts = !this.more.hidden || this.actions.firstChild !== null; // that stay in sight beside a long message
    put(element, "class", `row level-${level.name}${row.flags & FLAG.GUESSED ? " guessed" : ""}${look.bookmarks.has(row.key) ? " bookmarked" : ""}${hasParts ? " parts" : ""}${this.unfolded.hidden ? "" : " grown"}`);
  }

  /** Where another day begins, a thin line says so. */
  #fillDay(time, before, mode) {
    const zone = mode === "utc" || mode === "iso" ? "utc" : "local";
    const isSoon = Math.floor(time / 1_000) === Math.floor(before / 1_000); // mostly, and then it needs no words
    const another = !isSoon && time !== null && before !== null && !Number.isNaN(before) && day(time, zone) !== day(before, zone);
    if (another) this.element.dataset.day = day(time, zone);
    else delete this.element.dataset.day;
  }

  #fillMessage({ message, flags }, look) {
    const start = cut(look.wrap ? message : firstLine(message), CHARACTERS, LINES);
    say(this.message, nodesOf(start, look));
    this.more.hidden = start.length === message.length;
    if (this.more.hidden) return;
    const rest = message.length - start.length;
    const lines = flags & FLAG.LINES && !look.wrap ? message.split("\n", 1_000).length - 1 : 0;
    const words = lines > 0 && rest < 4_096 ? `+${count(lines)} ${lines === 1 ? "line" : "lines"}` : `+${bytes(rest)}`;
    this.more.textContent = words;
  }

  #fillFields(row, store, segment, index, look) {
    this.cells.replaceChildren(...look.columns.map(({ width }) => cellOf(width)));
    if (!(row.flags & (FLAG.FIELDS | FLAG.EXCEPTION)) && look.columns.length === 0) {
      this.#offer([]);
      return fillFields(this.fields, [], look, NOTHING);
    }
    const data = store.data(segment, index);
    if (row.flags & FLAG.EXCEPTION) {
      const exception = exceptionOf(data);
      const words = [exception.type, exception.message].filter(Boolean).join(": ");
      say(this.exception, nodesOf(cut(firstLine(words), FIELD_CHARACTERS), look));
    }
    this.#offer([row.flags & FLAG.EXCEPTION ? this.exception : null, pageOf(data) === null ? null : this.page].filter(Boolean));
    const columns = look.columns.map(({ path }) => path);
    columns.forEach((path, at) => fillCell(this.cells.children[at], valueAt(data, path), look));
    const isElsewhere = (name) => columns.some((path) => path === name || path.endsWith(`.${name}`));
    const entries = row.flags & FLAG.FIELDS ? fieldsOf(data, row.message).filter(([name]) => !isElsewhere(name)) : [];
    return fillFields(this.fields, entries, look, look.unfolding.of(row.key) ?? NOTHING);
  }

  /** What says nothing but an object, or a list, can be unfolded as a whole; and what is unfolded. */
  #fillWhole(row, store, segment, index, look) {
    const whole = isWhole(segment, index);
    const open = look.unfolding.of(row.key);
    this.whole.hidden = !whole;
    if (whole) say(this.whole, [offerUnfolding(this.whole, WHOLE, open?.has(WHOLE) ?? false)]);
    if (this.unfolded.hidden !== !open) this.unfolded.hidden = !open;
    if (open) fillUnfolded(this.unfolded, entriesOf(store.data(segment, index), row, whole), open, look);
    else say(this.unfolded, []);
  }

  /** What can be opened. A button that stays is the same one: who presses it while the row is filled again has pressed it. */
  #offer(buttons) {
    const { children } = this.actions;
    if (children.length !== buttons.length || buttons.some((button, at) => children[at] !== button)) this.actions.replaceChildren(...buttons);
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

/** Of a name that is too long its end: that is where names of one family differ. */
function ending(name, width) {
  return name.length > width ? `…${name.slice(name.length - width + 1)}` : name;
}
