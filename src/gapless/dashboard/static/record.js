/**
 * A publication as a record that a row can show: time, level, logger or event type, message, fields.
 * Other shapes than the log record's own are mapped by the names that are common; nothing is left out.
 */

export const LEVELS = ["trace", "debug", "info", "success", "warning", "error", "critical"];
const RANKS = { trace: 5, debug: 10, info: 20, success: 25, warning: 30, error: 40, critical: 50 };
const OTHER_NAMES = new Map(
  Object.entries({
    dbg: "debug", information: "info", notice: "success", warn: "warning", wrn: "warning", err: "error",
    crit: "critical", fatal: "critical", alert: "critical", emerg: "critical", panic: "critical",
  }),
);
const LAST_TIME = 8.64e15; // what a Date can hold, in milliseconds
const MESSAGE = ["message", "msg", "event", "text"];
const TIME = ["time", "timestamp", "ts", "@timestamp", "asctime"];
const LEVEL = ["level", "levelname", "severity", "log_level", "lvl"];
const LOGGER = ["component", "logger", "logger_name", "name"];
const TYPE = ["type", "event_type"];
const HEADLINE = ["title", "name", "target", "message", "text", "repo"];

/**
 * @typedef {{kind: "log"|"event"|"json", channel: string, position: string, time: number|null, at: number,
 *   level: string, rank: number, source: string, message: string, fields: [string, any][],
 *   exception: string, page: boolean, raw: string}} Record
 *   `time`: milliseconds since 1970, null if unknown; `at`: the same, but never less than before in its
 *   channel, for merging; `rank`: of the level, 0 for none; `page`: is there a Markdown
 *   page in it; `raw`: the data as JSON, the only copy of what is large
 */

/**
 * @param {import("./client.js").Publication} publication
 * @param {number} floor the `at` of the record before it in its channel
 * @returns {Record}
 */
export function toRecord(publication, floor) {
  const { channel, offset, epoch, data, history } = publication;
  const parts = isPlain(data) ? readObject(data) : { kind: "json", message: inline(data), fields: [] };
  // What is live and says nothing about time happened about now; what is old did not.
  const time = parts.time ?? (history ? null : Date.now());
  const position = offset === null ? channel : `${channel}@${epoch}:${offset}`;
  const read = { source: "", level: "", exception: "", page: false, ...parts, channel, position, time };
  const raw = JSON.stringify(data ?? null);
  return { ...read, at: Math.max(floor, time ?? floor), rank: RANKS[parts.level] ?? 0, raw };
}

/** The Markdown page of an event that has one. */
export function pageOf(record) {
  const { data, page } = JSON.parse(record.raw);
  return data?.page ?? page;
}

/** Channels of statistics are shown as latest values: `stats`, `app:stats`, … */
export function isStats(channel) {
  return channel.split(":").pop() === "stats";
}

/** Text as it is, anything else as JSON. */
export function inline(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function readObject(data) {
  const rest = { ...data };
  /** The first of these names whose value can be read; what cannot be stays among the fields. */
  const take = (names, read) => {
    const name = names.find((name) => read(data[name]) !== null);
    if (name === undefined) return null;
    delete rest[name];
    return read(data[name]);
  };
  const common = { time: take(TIME, readTime), level: take(LEVEL, readLevel) ?? "" };
  const type = take(TYPE, readText);
  const message = take(MESSAGE, readText);
  if (message === null && type !== null) return { ...common, ...readEvent(type, rest) };
  const source = take(LOGGER, readText) ?? type ?? "";
  if (message === null) return { ...common, kind: "json", source, message: JSON.stringify(data), fields: [] };
  const { exception = null, ...others } = rest;
  if (isPlain(others.fields)) delete others.fields;
  const fields = [...(isPlain(rest.fields) ? Object.entries(rest.fields) : []), ...Object.entries(others)];
  return { ...common, kind: "log", source, message, exception: readTrace(exception), fields };
}

function readEvent(source, { data, ...others }) {
  const fields = { ...others, ...(isPlain(data) ? data : data === undefined ? {} : { data }) };
  const page = readText(fields.page);
  if (page !== null) delete fields.page;
  const headline = HEADLINE.find((name) => readText(fields[name]) !== null) ?? "";
  const message = fields[headline] ?? "";
  if (message) delete fields[headline];
  return { kind: "event", source, message, fields: Object.entries(fields), page: page !== null };
}

/** Milliseconds; a number below 1e11 is taken for seconds. */
function readTime(value) {
  if (typeof value === "number" && value > 0 && value < LAST_TIME) return value > 1e11 ? value : value * 1000;
  if (typeof value !== "string") return null;
  const time = Date.parse(value.replace(/,(\d{3})$/, ".$1")); // as Python's logging writes it
  return Number.isNaN(time) ? null : time;
}

function readLevel(value) {
  if (typeof value === "number") return LEVELS.findLast((name) => value >= RANKS[name]) ?? null;
  if (typeof value !== "string") return null;
  const name = value.toLowerCase();
  return LEVELS.includes(name) ? name : (OTHER_NAMES.get(name) ?? null);
}

function readText(value) {
  return typeof value === "string" && value !== "" ? value : null;
}

function readTrace(exception) {
  if (exception === null) return "";
  return readText(exception.text) ?? inline(exception);
}

function isPlain(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
