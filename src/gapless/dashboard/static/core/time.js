/** Moments as text, and text as moments. Times are milliseconds since 1970; a zone is "local" or "utc". */
import { ago } from "./format.js";

const DAY = 86_400_000;
const UNITS = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: DAY, w: 7 * DAY };
const LAST_TIME = 8.64e15; // what a Date can hold
export const MODES = ["clock", "utc", "relative", "delta", "iso"];

/** 14:02:11.093 */
export function clock(time, zone = "local") {
  if (!isTime(time)) return "";
  const date = new Date(time);
  const [hours, minutes, seconds] =
    zone === "utc"
      ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
      : [date.getHours(), date.getMinutes(), date.getSeconds()];
  return `${pad(hours)}:${pad(minutes)}:${pad(seconds)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** 2026-05-14 */
export function day(time, zone = "local") {
  const date = new Date(time);
  if (zone === "utc") return date.toISOString().slice(0, 10);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** "14 May 13:40", and the year when it is not this one. */
export function moment(time, now = Date.now()) {
  if (!isTime(time)) return "an unknown time";
  const date = new Date(time);
  const year = date.getFullYear() === new Date(now).getFullYear() ? undefined : "numeric";
  const words = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year });
  return `${words.format(date)} ${pad(date.getHours())}:${pad(date.getMinutes())}`;
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
  const time = Date.parse(text.trim().replace(/^(\d{4}-\d{2}-\d{2}) (?=\d)/, "$1T"));
  return Number.isNaN(time) ? null : time;
}

function onDay([, name, hours = 0, minutes = 0, seconds = 0, milliseconds = "0"], now) {
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return null;
  const date = new Date(now);
  if (name === "yesterday") date.setDate(date.getDate() - 1);
  date.setHours(Number(hours), Number(minutes), Number(seconds), Number(milliseconds.padEnd(3, "0")));
  // Without a day it is the last time that the clock showed this.
  if (!name && date.getTime() > now) date.setDate(date.getDate() - 1);
  return date.getTime();
}

/** A time as programs write it: ISO text, Python's asctime, or a number of seconds, milliseconds, micro- or nanoseconds. */
export function readTime(value) {
  if (typeof value === "string") {
    const time = Date.parse(value.replace(/^(\d{4}-\d{2}-\d{2}) /, "$1T").replace(/,(\d{3})\d*(?=$|[Z+-])/, ".$1"));
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
  const minutes = -new Date(now).getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const size = Math.abs(minutes);
  const rest = size % 60 ? `:${pad(size % 60)}` : "";
  return `UTC${minutes < 0 ? "−" : "+"}${Math.floor(size / 60)}${rest}`;
}

function isTime(time) {
  return typeof time === "number" && !Number.isNaN(time) && Math.abs(time) <= LAST_TIME;
}

function pad(number) {
  return String(number).padStart(2, "0");
}
