/** A query as a test of rows, and as the expressions that are highlighted in what it finds. */
import { Exact, inline } from "../core/json.js";
import { parseTime, readTime } from "../core/time.js";
import { readLevel } from "./levels.js";
import { exceptionOf, fieldsOf, isPlain, valueAt } from "./shape.js";

const LOGGER = new Set(["logger", "type"]);
const CHANNEL = new Set(["ch", "channel"]);
const SOURCE = new Set(["src", "source"]);
const MESSAGE = new Set(["message", "msg"]);

/**
 * @param {import("./query.js").Node} node
 * @param {import("./store.js").Store} store
 * @param {{caseSensitive?: boolean, now?: number}} options
 * @returns {((segment: import("./segment.js").Segment, index: number) => boolean)|null} null: every row
 */
export function toMatcher(node, store, { caseSensitive = false, now = Date.now() } = {}) {
  if (node.kind === "all") return null;
  return compile(node, { store, flags: caseSensitive ? "" : "i", now });
}

/** What to mark in the text of the rows that match. @returns {RegExp[]} each with the g flag */
export function toHighlights(node, { caseSensitive = false } = {}) {
  const flags = caseSensitive ? "g" : "gi";
  const found = [];
  const visit = (each, negative) => {
    if (each.kind === "not") visit(each.part, !negative);
    else if (each.kind === "and" || each.kind === "or") for (const part of each.parts) visit(part, negative);
    else if (negative) return;
    else if (each.kind === "match") found.push(toRegExp(each.value, flags));
    else if (each.kind === "field" && each.op === ":" && MESSAGE.has(each.path)) found.push(...each.values.map((value) => toRegExp(value, flags)));
  };
  visit(node, false);
  return found;
}

/** The field paths that a query asks for: the columns first in the eyes of who wrote it. */
export function pathsIn(node) {
  if (node.kind === "field" || node.kind === "has") return [node.path];
  if (node.kind === "not") return pathsIn(node.part);
  return (node.parts ?? []).flatMap(pathsIn);
}

/** Which of these ranks the terms on levels let pass, whatever else the query says. @param {number[]} ranks */
export function levelsIn(node, ranks) {
  const parts = (node.kind === "and" ? node.parts : [node]).filter(isOnLevels);
  const tests = parts.map((part) => compile(part, { store: null, flags: "", now: 0 }));
  return ranks.filter((_, at) => tests.every((test) => test({ level: ranks }, at)));
}

function isOnLevels(node) {
  if (node.kind === "not") return isOnLevels(node.part);
  if (node.kind === "or") return node.parts.every(isOnLevels);
  return node.kind === "field" && node.path === "level";
}

/** The text of the fields as a row shows it: what words are looked for in, beside message and logger. */
export function fieldsText(data, message) {
  return fieldsOf(data, message).map(([name, value]) => `${name}=${inline(value)}`).join("  ");
}

function compile(node, context) {
  if (node.kind === "not") {
    const part = compile(node.part, context);
    return (segment, index) => !part(segment, index);
  }
  if (node.kind === "and") {
    const parts = node.parts.map((part) => compile(part, context));
    return (segment, index) => parts.every((part) => part(segment, index));
  }
  if (node.kind === "or") {
    const parts = node.parts.map((part) => compile(part, context));
    return (segment, index) => parts.some((part) => part(segment, index));
  }
  if (node.kind === "has") return has(node.path, context);
  if (node.kind === "match") return words(node.value, context);
  return field(node, context);
}

/** Words match what can be seen: message, logger, fields, exception. */
function words(value, { store, flags }) {
  const pattern = toRegExp(value, flags);
  const loggers = byName(store.loggers, (name) => pattern.test(name));
  return (segment, index) => {
    if (pattern.test(segment.message[index]) || loggers(segment.logger[index])) return true;
    // Mostly a miss, and then the text alone says so; a hit may be in what is not shown.
    if (value.kind === "text" && !/["\\=]/.test(value.text) && !pattern.test(segment.rest[index])) return false;
    if (segment.rest[index] === "" || segment.rest[index] === segment.message[index]) return false;
    const data = store.data(segment, index);
    return pattern.test(fieldsText(data, segment.message[index])) || pattern.test(exceptionOf(data)?.text ?? "");
  };
}

function has(path, { store }) {
  if (path === "exc" || path === "exception") return (segment, index) => exceptionOf(store.data(segment, index)) !== null;
  const name = path.split(".").pop();
  return (segment, index) => segment.rest[index].includes(name) && valueAt(store.data(segment, index), path) !== undefined;
}

function field({ path, op, values }, context) {
  const { store, flags, now } = context;
  if (path === "level") return level(op, values);
  if (path === "after" || path === "before") return time(path === "after" ? ">=" : "<", values, now);
  if (path === "time") return time(op, values, now);
  const test = tester(op, values, flags);
  if (LOGGER.has(path)) return column(store.loggers, "logger", test);
  if (SOURCE.has(path)) return column(store.sources, "source", test);
  if (CHANNEL.has(path)) return (segment, index) => test(store.streamOf(segment, index).channel);
  if (MESSAGE.has(path) && op === ":") {
    const patterns = values.map((value) => toRegExp(value, flags));
    return (segment, index) => patterns.some((pattern) => pattern.test(segment.message[index]));
  }
  if (MESSAGE.has(path)) return (segment, index) => test(segment.message[index]);
  const name = path.split(".").pop();
  return (segment, index) => {
    if (!segment.rest[index].includes(name)) return false;
    const value = valueAt(store.data(segment, index), path);
    return value !== undefined && (Array.isArray(value) ? value.some(test) || test(value) : test(value));
  };
}

function column(names, key, test) {
  const passes = byName(names, test);
  return (segment, index) => passes(segment[key][index]);
}

/** One answer for each name, and not for each row. */
function byName(names, test) {
  const answers = [];
  return (id) => (answers[id] ??= id > 0 && test(names.name(id)));
}

function level(op, values) {
  const ranks = values.map((value) => (value.text === "none" ? 0 : (readLevel(value.text) ?? readLevel(Number(value.text)) ?? -1)));
  const compare = comparison(op);
  return (segment, index) => ranks.some((rank) => compare(segment.level[index], rank));
}

function time(op, values, now) {
  const [moment] = values.map((value) => parseTime(value.text ?? "", now) ?? readTime(value.text) ?? NaN);
  const compare = comparison(op);
  return (segment, index) => compare(segment.time[index], moment);
}

/** @returns {(value: any) => boolean} of one value in a publication */
function tester(op, values, flags) {
  const tests = values.map((value) => (value.kind === "regex" ? byPattern(value, flags) : byText(op, value.text)));
  const negative = op === "!=";
  return (value) => negative !== tests.some((test) => test(value));
}

function byPattern(value, flags) {
  const pattern = toRegExp(value, flags);
  return (found) => pattern.test(inline(found) ?? "");
}

function byText(op, text) {
  if (op === ":" || op === "=" || op === "!=") {
    if (text === "*") return () => true;
    const glob = op !== "=" && /[*?]/.test(text) ? toGlob(text) : null;
    const lower = text.toLowerCase();
    return (found) => {
      const written = found === null ? "null" : isPlain(found) ? "" : String(inline(found));
      return glob ? glob.test(written) : written.toLowerCase() === lower || isSameNumber(found, text);
    };
  }
  const compare = comparison(op);
  const number = Number(text);
  return (found) => {
    if (typeof found === "number" || found instanceof Exact) return compare(ordered(found, text), ordered(text, found));
    if (typeof found !== "string") return false;
    return Number.isNaN(number) || Number.isNaN(Number(found)) ? compare(found, text) : compare(Number(found), number);
  };
}

/** Integers that no double holds are compared as what they are. */
function ordered(value, other) {
  const isBig = [value, other].some((each) => each instanceof Exact || /^-?\d{16,}$/.test(String(each)));
  return isBig && /^-?\d+$/.test(String(value)) && /^-?\d+$/.test(String(other)) ? BigInt(String(value)) : Number(value);
}

function isSameNumber(found, text) {
  return typeof found === "number" && text.trim() !== "" && found === Number(text);
}

function comparison(op) {
  if (op === ">") return (one, other) => one > other;
  if (op === ">=") return (one, other) => one >= other;
  if (op === "<") return (one, other) => one < other;
  if (op === "<=") return (one, other) => one <= other;
  if (op === "!=") return (one, other) => one !== other;
  return (one, other) => one === other;
}

function toRegExp(value, flags) {
  if (value.kind === "regex") return new RegExp(value.pattern, [...new Set(flags.replace("i", "") + value.flags)].join(""));
  return new RegExp(value.text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), flags);
}

function toGlob(text) {
  const pattern = text.replace(/[\\^$.+()[\]{}|]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${pattern}$`, "is");
}
