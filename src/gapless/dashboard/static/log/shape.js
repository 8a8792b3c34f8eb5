/**
 * What a publication says, whatever its shape: a log record, structlog's, pino's or a logfmt line's names for the
 * same things, an event `{type, time, data}`, a line of text, or just JSON.
 */
import { Exact, inline, stringify } from "../core/json.js";
import { readTime } from "../core/time.js";
import { guessLevel, NONE, readLevel } from "./levels.js";

export const MESSAGE = ["message", "msg", "event", "text"];
const TIME = ["time", "timestamp", "ts", "@timestamp", "asctime"];
const LEVEL = ["level", "levelname", "severity", "log_level", "lvl"];
const LOGGER = ["logger", "logger_name", "component", "name"];
const TYPE = ["type", "event_type"];
const SOURCE = ["source", "hostname", "host"];
const EXCEPTION = ["exception", "exc_info", "traceback", "error"];
const HEADLINE = ["title", "name", "target", "message", "text", "repo"];
const NO_MESSAGE = 255;

/**
 * @typedef {{time: number|null, level: number, guessed: boolean, logger: string, source: string, message: string,
 *   messageKey: number, rest: string, hasFields: boolean, hasException: boolean, progress: string|null,
 *   feederGap: object|null}} Shape
 *   `messageKey`: index in MESSAGE when `rest` holds 0 in its place, else 255; `rest`: the data as JSON text, without
 *   the message; `progress`: key of the row that it replaces
 */

/** @returns {Shape} */
export function toShape(data) {
  if (!isPlain(data)) return fromValue(data);
  const level = firstLevel(data);
  const shape = {
    time: firstTime(data),
    level: level ?? NONE,
    guessed: false,
    logger: "",
    source: firstText(data, SOURCE),
    message: "",
    messageKey: NO_MESSAGE,
    rest: "",
    hasFields: false,
    hasException: EXCEPTION.some((name) => isException(name, data[name])),
    progress: data.kind === "progress" || data.progress === true ? String(data.key ?? "") : null,
    feederGap: data.kind === "feeder_gap" ? data : null,
  };
  const type = firstText(data, TYPE);
  const key = MESSAGE.findIndex((name) => typeof data[name] === "string" && data[name] !== "");
  shape.logger = firstText(data, LOGGER) || type;
  shape.hasFields = Object.keys(data).some((name) => !isOwn(name, data, shape, key));
  if (key >= 0) return withMessage(shape, data, key);
  shape.rest = stringify(data);
  if (type) return Object.assign(shape, { logger: type, message: headline(data) });
  return Object.assign(shape, { message: shape.rest, hasFields: false });
}

/** The data again, as it was published. */
export function dataOf(rest, message, messageKey, parse) {
  const data = parse(rest);
  if (messageKey !== NO_MESSAGE) data[MESSAGE[messageKey]] = message;
  return data;
}

/**
 * What is worth a place beside the message: extra fields, not what has a column of its own.
 * @returns {[string, any][]}
 */
export function fieldsOf(data, message) {
  if (!isPlain(data)) return [];
  const own = ownKeys(data);
  const entries = [];
  for (const [name, value] of Object.entries(data)) {
    if (own.has(name)) continue;
    if ((name === "fields" || name === "data") && isPlain(value)) entries.push(...Object.entries(value));
    else entries.push([name, value]);
  }
  const event = !MESSAGE.some((name) => own.has(name));
  return event ? entries.filter(([name, value]) => name !== "page" && !(value === message && HEADLINE.includes(name))) : entries;
}

/** Type, message and traceback of an exception, whatever form it has; null without one. */
export function exceptionOf(data) {
  if (!isPlain(data)) return null;
  const name = EXCEPTION.find((each) => isException(each, data[each]));
  if (name === undefined) return null;
  const value = data[name];
  if (typeof value === "string") return { type: "", message: lastLine(value), text: value, frames: [] };
  const text = typeof value.text === "string" ? value.text : "";
  return {
    type: String(value.type ?? ""),
    message: String(value.message ?? (text ? lastLine(text) : "")),
    text: text || stringify(value, 2),
    frames: Array.isArray(value.frames) ? value.frames : [],
  };
}

/** The Markdown page that an event carries, or null. */
export function pageOf(data) {
  if (!isPlain(data)) return null;
  const page = isPlain(data.data) ? (data.data.page ?? data.data.documentation ?? data.data.markdown) : data.page;
  return typeof page === "string" && page !== "" ? page : null;
}

/**
 * The value at a dotted path: as it is written, else below `fields`, else below `data`; undefined when there is none.
 */
export function valueAt(data, path) {
  if (!isPlain(data)) return undefined;
  return dig(data, path) ?? dig(data.fields, path) ?? dig(data.data, path);
}

export function isPlain(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Exact);
}

function withMessage(shape, data, key) {
  const name = MESSAGE[key];
  shape.message = data[name];
  shape.messageKey = key;
  data[name] = 0; // in its place, so that the order of the keys stays
  shape.rest = stringify(data);
  data[name] = shape.message;
  return shape;
}

/** Has this name a column of its own, as it has in most log records? What is not sure counts as a field. */
function isOwn(name, data, { time, hasException }, key) {
  const value = data[name];
  if (name === "time") return time !== null;
  if (name === "level") return readLevel(value) !== null;
  if (name === "message") return key === 0;
  if (name === "logger" || name === "source") return isText(value);
  if (name === "exception") return hasException && isException(name, value);
  return name === "kind" || ((name === "fields" || name === "data") && isPlain(value) && Object.keys(value).length === 0);
}

function fromValue(data) {
  const text = inline(data) ?? "null";
  const level = typeof data === "string" ? guessLevel(text) : NONE;
  const message = text.replace(/\r?\n$/, "");
  const shape = { time: null, level, guessed: level !== NONE, logger: "", source: "", message };
  const none = { hasFields: false, hasException: false, progress: null, feederGap: null };
  return { ...shape, ...none, messageKey: NO_MESSAGE, rest: stringify(data) };
}

function headline(data) {
  const inner = isPlain(data.data) ? data.data : data;
  for (const name of HEADLINE) if (typeof inner[name] === "string" && inner[name] !== "") return inner[name];
  return "";
}

/** The names that have a column of their own in this publication. */
function ownKeys(data) {
  const own = new Set(["kind"]);
  const take = (names, isOne) => {
    const name = names.find((each) => isOne(data[each]));
    if (name !== undefined) own.add(name);
  };
  take(TIME, (value) => readTime(value) !== null);
  take(LEVEL, (value) => readLevel(value) !== null);
  for (const names of [LOGGER, SOURCE, MESSAGE]) take(names, isText);
  for (const name of TYPE) if (isText(data[name]) && !LOGGER.some((each) => isText(data[each]))) own.add(name);
  for (const name of EXCEPTION) if (isException(name, data[name])) own.add(name);
  return own;
}

function isException(name, value) {
  if (name === "error") return isPlain(value) && ("frames" in value || "stack" in value || "traceback" in value);
  return typeof value === "string" ? value.length > 0 : isPlain(value);
}

function firstTime(data) {
  for (const name of TIME) {
    const time = readTime(data[name]);
    if (time !== null) return time;
  }
  return null;
}

function firstLevel(data) {
  for (const name of LEVEL) {
    const level = readLevel(data[name]);
    if (level !== null) return level;
  }
  return null;
}

function firstText(data, names) {
  for (const name of names) if (isText(data[name])) return data[name];
  return "";
}

function isText(value) {
  return typeof value === "string" && value !== "";
}

function dig(value, path) {
  if (!isPlain(value)) return undefined;
  if (Object.hasOwn(value, path)) return value[path];
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function lastLine(text) {
  return text.trimEnd().split("\n").pop();
}
