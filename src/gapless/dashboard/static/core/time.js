/** Moments as text, and text as moments. Times are milliseconds since 1970; a zone is "local" or "utc". */
import { ago } from "./format.js";

const DAY = 86_400_000;
const UNITS = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: DAY, w: 7 * DAY };
const QUARTER = 900_000;
const MAX_OFFSETS = 4_096; // known at once
const FULL = /** @type {const} */ ({ hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
/** @type {{name: string, offsets: Map<number, number>, format: Intl.DateTimeFormat}|null} */
let chosen = null;
const LAST_TIME = 8.64e15; // what a Date can hold
export const MODES = ["clock", "utc", "relative", "delta", "iso"];

/**
 * From now on "local" is this zone, "Europe/Berlin"; "": the one of the browser.
 * @returns {boolean} does the browser know it?
 */
export function useZone(name) {
  try {
    chosen = name === "" ? null : { name, offsets: new Map(), format: new Intl.DateTimeFormat("en-US", { ...FULL, timeZone: name }) };
    return true;
  } catch {
    chosen = null;
    return false;
  }
}

/** Milliseconds that the clocks of the reader's zone are ahead of UTC at a time. */
function ahead(time) {
  if (chosen === null) return -new Date(time).getTimezoneOffset() * 60_000;
  const quarter = Math.floor(time / QUARTER); // no zone changes but with a quarter of an hour
  let offset = chosen.offsets.get(quarter);
  if (offset === undefined) {
    const parts = Object.fromEntries(chosen.format.formatToParts(quarter * QUARTER).map(({ type, value }) => [type, Number(value)]));
    offset = Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second) - quarter * QUARTER || 0; // NaN: beyond what a date can hold
    if (chosen.offsets.size > MAX_OFFSETS) chosen.offsets.clear();
    chosen.offsets.set(quarter, offset);
  }
  return offset;
}

/** A date whose UTC parts are what the clocks of a zone show. */
function shownIn(zone, time) {
  return new Date(zone === "utc" ? time : Math.max(-LAST_TIME, Math.min(LAST_TIME, time + ahead(time))));
}

/** 14:02:11.093 */
export function clock(time, zone = "local") {
  return isTime(time) ? shownIn(zone, time).toISOString().slice(-13, -1) : "";
}

/** 2026-05-14 */
export function day(time, zone = "local") {
  return isTime(time) ? shownIn(zone, time).toISOString().slice(0, -14) : "";
}

/** "14 May 13:40", and the year when it is not this one. */
export function moment(time, now = Date.now()) {
  if (!isTime(time)) return "an unknown time";
  const date = shownIn("local", time);
  const year = date.getUTCFullYear() === shownIn("local", now).getUTCFullYear() ? undefined : "numeric";
  const words = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year, timeZone: "UTC" });
  return `${words.format(date)} ${clock(time).slice(0, 5)}`;
}

/**
 * A time in the way the reader chose.
 * @param {number} time
 * @param {string} mode one of MODES
 * @param {{now: number, before: number|null}} context `before`: the time of the row before, for "delta"
 */
export function written(time, mode, { now, before }) {
  if (!isTime(time)) return "";
  if (mode === "utc") return clock(time, "utc");
  if (mode === "iso") return new Date(time).toISOString();
  if (mode === "relative") return ago(now - time);
  if (mode === "delta") return before === null || !isTime(before) ? "" : delta(time - before);
  return clock(time);
}

/** +12 ms, +1.204 s */
function delta(milliseconds) {
  const sign = milliseconds < 0 ? "−" : "+";
  const size = Math.abs(milliseconds);
  return size < 1_000 ? `${sign}${Math.round(size)} ms` : `${sign}${(size / 1_000).toFixed(3)} s`;
}

/**
 * What a person types: `14:05`, `yesterday 17:30`, `3h ago`, `15m`, `2026-05-14 09:00`, ISO, seconds since 1970.
 * @returns {number|null} null when it cannot be read
 */
export function parseTime(text, now = Date.now()) {
  const words = text.trim().toLowerCase();
  if (words === "now") return now;
  const back = /^(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)(?:\s+ago)?$/.exec(words);
  if (back) return now - Number(back[1]) * UNITS[back[2]];
  const named = /^(?:(today|yesterday)\s*)?(?:(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?)?$/.exec(words);
  if (words && named) return onDay(named, now);
  if (/^\d{9,16}(\.\d+)?$/.test(words)) return readTime(Number(words));
  const iso = text.trim().replace(/^(\d{4}-\d{2}-\d{2}) (?=\d)/, "$1T");
  const time = Date.parse(iso);
  const wall = /T[\d:.]+$/.test(iso) ? Date.parse(`${iso}Z`) : NaN; // of no zone: of the reader's
  if (!Number.isNaN(wall)) return atClock(wall);
  return Number.isNaN(time) ? null : time;
}

/** @param {string[]} found the day, hours, minutes, seconds and milliseconds, as far as they are there */
function onDay(found, now) {
  const [, name, hours = "0", minutes = "0", seconds = "0", milliseconds = "0"] = found;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return null;
  const date = shownIn("local", now);
  if (name === "yesterday") date.setUTCDate(date.getUTCDate() - 1);
  date.setUTCHours(Number(hours), Number(minutes), Number(seconds), Number(milliseconds.padEnd(3, "0")));
  // Without a day it is the last time that the clock showed this.
  if (!name && atClock(date.getTime()) > now) date.setUTCDate(date.getUTCDate() - 1);
  return atClock(date.getTime());
}

/** When the clocks of the reader's zone show this, given as the UTC time with these parts. */
function atClock(wall) {
  const near = wall - ahead(wall);
  return wall - ahead(near);
}

/** A time as programs write it: ISO text, Python's asctime, or a number of seconds, milliseconds, micro- or nanoseconds. */
export function readTime(value) {
  if (typeof value === "string") {
    const isIso = value[10] === "T" && !value.includes(",");
    const time = Date.parse(isIso ? value : value.replace(/^(\d{4}-\d{2}-\d{2}) /, "$1T").replace(/,(\d{3})\d*(?=$|[Z+-])/, ".$1"));
    return Number.isNaN(time) ? null : time;
  }
  const number = typeof value === "object" && value !== null ? Number(value) : value;
  if (typeof number !== "number" || !(number > 0)) return null;
  const scale = number < 1e11 ? 1_000 : number < 1e14 ? 1 : number < 1e17 ? 1e-3 : 1e-6;
  const time = number * scale;
  return time < LAST_TIME ? time : null;
}

/** The name of the reader's zone, and how far it is from UTC. */
export function zoneName(now = Date.now()) {
  const minutes = ahead(now) / 60_000;
  const size = Math.abs(minutes);
  const rest = size % 60 ? `:${pad(size % 60)}` : "";
  const far = minutes === 0 ? "UTC" : `UTC${minutes < 0 ? "−" : "+"}${Math.floor(size / 60)}${rest}`;
  return chosen === null ? far : `${chosen.name.split("/").pop().replaceAll("_", " ")}, ${far}`;
}

function isTime(time) {
  return typeof time === "number" && !Number.isNaN(time) && Math.abs(time) <= LAST_TIME;
}

function pad(number) {
  return String(number).padStart(2, "0");
}
