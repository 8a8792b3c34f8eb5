/** Rows of the list: one per record, and notes between them. Text enters as text nodes only. */
import { make } from "./dom.js";
import { clock, count, moment } from "./format.js";
import { inline } from "./record.js";
import { cut, plain, shown } from "./text.js";

const CHARACTERS = 1_000; // of a message, until it is opened
const LINES = 12;
const FIELDS = 12;
const FIELD_CHARACTERS = 120;
const OPENED_CHARACTERS = 256 * 1024;

/**
 * @param {import("./record.js").Record} record
 * @param {(record: import("./record.js").Record) => void} openPage
 */
export function toRow(record, openPage) {
  const body = make("div", { className: "body" }, ...message(record.message));
  if (record.page) body.append(action("Open page", () => openPage(record)));
  if (record.exception) body.append(disclosure(lastLine(record.exception), "opener", () => trace(record)));
  if (record.fields.length > 0) body.append(fields(record.fields));
  const more = disclosure("⋯", "opener details-opener", () => details(record));
  more.setAttribute("aria-label", "Details");
  more.tabIndex = -1; // Enter on the row does the same, without a stop of the Tab key for each
  body.append(more);
  return make(
    "li",
    { className: `row ${record.kind}`, tabIndex: -1, "data-level": record.level || null },
    make("time", { className: "time", title: moment(record.time) }, clock(record.time)),
    make("span", { className: "level" }, record.level),
    make("span", { className: "channel", title: plain(record.channel) }, shown(record.channel)),
    make("span", { className: "source", title: plain(record.source) }, shown(record.source)),
    body,
  );
}

/** A line between the rows: a gap, a reconnect. */
export function toNote(kind, words, channel = null) {
  const name = channel === null ? null : make("strong", {}, shown(channel), " ");
  return make("li", { className: `note ${kind}`, tabIndex: -1 }, make("span", {}, name, words));
}

function* message(text) {
  const start = cut(text, CHARACTERS, LINES);
  const span = make("span", { className: "message" }, shown(start));
  yield span;
  if (start.length === text.length) return;
  const all = action(`… ${count(text.length)} characters, show all`, () => {
    span.replaceChildren(shown(cut(text, OPENED_CHARACTERS)));
    all.replaceWith(text.length > OPENED_CHARACTERS ? `… ${count(text.length - OPENED_CHARACTERS)} more` : "");
  });
  yield all;
}

function fields(entries) {
  const shownFields = entries.slice(0, FIELDS).map(([name, value]) => {
    const text = inline(value) ?? "null";
    const start = cut(text, FIELD_CHARACTERS);
    const key = make("span", { className: "key" }, shown(cut(name, FIELD_CHARACTERS)), "=");
    return make("span", { className: "field" }, key, shown(start), start.length < text.length ? "…" : null);
  });
  const rest = entries.length - shownFields.length;
  const spaced = shownFields.flatMap((field, at) => (at > 0 ? ["  ", field] : [field]));
  return make("span", { className: "fields" }, ...spaced, rest > 0 ? `  +${count(rest)} more` : null);
}

function trace({ exception }) {
  return make("pre", { className: "trace" }, shown(cut(exception, OPENED_CHARACTERS)));
}

function details({ position, time, raw }) {
  const pretty = raw.length > OPENED_CHARACTERS ? raw : JSON.stringify(JSON.parse(raw), null, 2);
  const start = cut(pretty, OPENED_CHARACTERS);
  const rest = pretty.length - start.length;
  return make(
    "div",
    { className: "details" },
    make("p", {}, shown(position), time === null ? null : ` · ${moment(time)}`),
    make("pre", {}, shown(start), rest > 0 ? `… ${count(rest)} more characters` : null),
  );
}

/** A button that puts what `build` makes at the end of its row, and takes it away again. */
function disclosure(label, className, build) {
  let content = null;
  const button = make("button", { type: "button", className, "aria-expanded": "false" }, shown(label));
  button.onclick = () => {
    if (content) content.remove();
    content = content ? null : build();
    if (content) button.parentElement.append(content);
    button.setAttribute("aria-expanded", String(content !== null));
  };
  return button;
}

function action(label, onclick) {
  return make("button", { type: "button", className: "opener", onclick }, label);
}

function lastLine(text) {
  return cut(text.trimEnd().split("\n").pop(), FIELD_CHARACTERS);
}
