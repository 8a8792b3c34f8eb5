/**
 * The board that nobody configured: tiles from what the channels hold. Pure.
 *
 * @typedef {{tile: string, channel: string, label?: string, field?: string, where?: string, fields?: string[],
 *   title?: string, meta?: string, limit?: number, unit?: string, by?: string, wide?: number, idle_after?: number,
 *   window?: number, top?: number, query?: string, lines?: number, warn_above?: number, bad_above?: number, key?: string,
 *   state?: string, colours?: Record<string, string>}} Tile
 * @typedef {{name: string, kind: "stats"|"events"|"logs", last: any, types: string[]}} Sample
 */
import { isPlain } from "../log/shape.js";
import { readTime } from "../core/time.js";
import { Exact } from "../core/json.js";

const WORKER = ["cycle_starting", "analyzing", "generating", "documentation_committed", "documented", "next_cycle"];
const PAGES = "type:(documentation_committed,documented)";
const BUSY = "type:(cycle_starting,analyzing,generating,documentation_committed,documented,error)";
const TELLING = ["documented", "total", "pages", "error", "failed", "files", "functions", "lines", "cycle"];
const MAX_NUMBERS = 12;
const MAX_TYPES = 8;
const HIDDEN = new Set(["time", "timestamp", "ts", "type"]);

/** What a channel of this name most likely holds. */
export function kindOf(name) {
  const last = name.split(/[:./]/).pop();
  if (/^(stats|metrics|totals)$/.test(last)) return "stats";
  return /^(logs?|stdout|stderr)$/.test(last) ? "logs" : "events";
}

/** @param {Sample[]} samples @returns {Tile[]} */
export function derive(samples) {
  const worker = samples.find(({ types }) => types.some((type) => WORKER.includes(type)));
  if (worker) return workerBoard(worker, samples);
  const tiles = [];
  for (const { name, kind, last } of samples) if (kind === "stats" && isPlain(last)) tiles.push(...statsTiles(name, last));
  for (const { name, types } of samples) for (const type of types.slice(0, MAX_TYPES)) tiles.push({ tile: "latest", channel: name, where: `type:${quoted(type)}`, label: type, wide: 4 });
  for (const { name, kind } of samples) if (kind === "logs") tiles.push({ tile: "log", channel: name, label: name, wide: 12 });
  if (!tiles.some(({ tile }) => tile === "log")) {
    const [first] = samples.filter(({ kind }) => kind === "events");
    if (first) tiles.push({ tile: "log", channel: first.name, label: first.name, wide: 12 });
  }
  return tiles;
}

/** The board of a program that writes documentation, cycle after cycle. */
function workerBoard({ name: events }, samples) {
  const prefix = events.includes(":") ? events.slice(0, events.lastIndexOf(":") + 1) : "";
  const stats = samples.find(({ name }) => name === `${prefix}stats`);
  const logs = samples.find(({ name }) => name === `${prefix}logs`);
  const numbers = stats && isPlain(stats.last) ? statsTiles(stats.name, stats.last) : [];
  const counted = numbers.filter(({ tile }) => tile === "breakdown");
  const has = (word) => counted.some(({ field }) => field.includes(word));
  return [
    { tile: "activity", channel: events, where: BUSY, label: "Now", wide: 8, idle_after: 60 },
    { tile: "countdown", channel: events, where: "type:(next_cycle,cycle_starting)", label: "Next cycle", wide: 4 },
    ...telling(numbers.filter(({ tile }) => tile === "number")).map((tile) => ({ ...tile, wide: 2 })),
    ...(has("repo") ? [] : [{ tile: "breakdown", channel: events, where: PAGES, by: "data.repo", label: "By repository", wide: 4 }]),
    ...(has("lang") ? [] : [{ tile: "breakdown", channel: events, where: PAGES, by: "language", label: "By language", wide: 4 }]),
    ...counted.slice(0, 1 + Number(has("repo")) + Number(has("lang"))).map((tile) => ({ ...tile, wide: 4 })),
    { tile: "feed", channel: events, where: PAGES, label: "Recent pages", wide: 6, limit: 30 },
    ...(logs ? [{ tile: "log", channel: logs.name, label: "Log", wide: 6 }] : []),
  ];
}

/** Of a worker's numbers the six that say most, in this order; others follow where there is room. */
function telling(numbers) {
  const rank = ({ field }) => {
    const at = TELLING.findIndex((word) => field.split(".").pop().includes(word));
    return at < 0 ? TELLING.length : at;
  };
  return numbers.toSorted((one, other) => rank(one) - rank(other)).slice(0, 6);
}

function statsTiles(channel, data) {
  const tiles = [];
  const visit = (value, path) => {
    for (const [name, each] of Object.entries(value)) {
      const field = [...path, name].join(".");
      if (path.length === 0 && HIDDEN.has(name)) continue;
      if (typeof each === "number" || each instanceof Exact) tiles.push({ tile: "number", channel, field, label: words(field), wide: 2 });
      else if (isPlain(each) && isCounts(each)) tiles.push({ tile: "breakdown", channel, field, label: words(field), wide: 4 });
      else if (isPlain(each) && path.length < 1) visit(each, [...path, name]);
      else if (typeof each === "string" && readTime(each) !== null && /next|until|due|eta/.test(name)) tiles.push({ tile: "countdown", channel, field, label: words(field), wide: 4 });
    }
  };
  visit(data, []);
  const numbers = tiles.filter(({ tile }) => tile === "number").slice(0, MAX_NUMBERS);
  return [...numbers, ...tiles.filter(({ tile }) => tile !== "number")];
}

/** An object of numbers whose names are values: by something, or many of them. */
function isCounts(value) {
  const entries = Object.entries(value);
  return entries.length > 0 && entries.every(([, each]) => typeof each === "number");
}

function words(field) {
  const text = field.replaceAll(/[._]/g, " ").replace(/^by /, "by ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function quoted(text) {
  return /^[\w.:-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** `"{data.name} of {data.repo}"` with the values of a publication in it; what is not there is left out. */
export function fill(template, valueAt) {
  return template.replace(/\{([\w.@-]+)\}/g, (_, path) => {
    const value = valueAt(path);
    return value === undefined || value === null ? "" : typeof value === "object" && !(value instanceof Exact) ? "…" : String(value);
  });
}

const LANGUAGES = { py: "Python", js: "JavaScript", mjs: "JavaScript", ts: "TypeScript", go: "Go", rs: "Rust", java: "Java", kt: "Kotlin", rb: "Ruby", c: "C", h: "C", cc: "C++", cpp: "C++", cs: "C#", php: "PHP", swift: "Swift", sh: "Shell", sql: "SQL" };

/** The language that an event names, or that its file's name ends with. */
export function languageOf(data) {
  if (typeof data.language === "string") return data.language;
  const file = data.file ?? data.file_path ?? data.path ?? data.source_file;
  const ending = typeof file === "string" ? /\.(\w+)$/.exec(file)?.[1].toLowerCase() : undefined;
  return ending ? (LANGUAGES[ending] ?? ending) : undefined;
}
