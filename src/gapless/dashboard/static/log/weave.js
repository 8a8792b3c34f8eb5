/**
 * Rows put among others by their times: the history of a channel that is looked at later than the rest. Rows that were
 * there keep their order, and so do those that come; all after the first of them get new keys.
 */
import { lastAtMost } from "./bisect.js";
import { SEGMENT, Segment } from "./segment.js";

const COLUMNS = ["message", "rest", "time", "offset", "level", "stream", "logger", "source", "messageKey", "flags"];

/**
 * @param {Segment[]} segments in order
 * @param {Segment[]} others what comes, in order
 * @returns {{segments: Segment[], toKey: (key: number) => number}|null} null when it all belongs at the end
 */
export function woven(segments, others) {
  const rows = [...flat(others)];
  const placed = places(segments, rows);
  if (placed.length === 0 || placed[0] === Infinity) return null;
  const first = segments.findIndex((segment) => segment.end > placed[0]);
  const kept = segments.slice(0, first);
  const result = new Writer(segments[first].start);
  let next = 0;
  for (const segment of segments.slice(first))
    for (let index = 0; index < segment.count; index += 1) {
      while (next < rows.length && placed[next] <= segment.start + index) result.write(...rows[next++]);
      // Keys that were left free for what has yet to be loaded stay free.
      result.skipTo(segment.start + index + next);
      result.write(segment, index);
    }
  while (next < rows.length) result.write(...rows[next++]);
  return { segments: [...kept, ...result.segments], toKey: (key) => key + lastAtMost(placed, key) + 1 };
}

/** For each row the key that it goes in front of: the first whose time, or one before it, is later. */
function places(segments, rows) {
  const placed = [];
  let next = 0;
  let latest = -Infinity;
  let wanted = -Infinity;
  const at = (number) => Math.max(wanted, Number.isNaN(rows[number][0].time[rows[number][1]]) ? wanted : rows[number][0].time[rows[number][1]]);
  for (const segment of segments)
    for (let index = 0; index < segment.count && next < rows.length; index += 1) {
      if (segment.time[index] > latest) latest = segment.time[index];
      while (next < rows.length && at(next) < latest) {
        wanted = at(next);
        placed.push(segment.start + index);
        next += 1;
      }
    }
  while (placed.length < rows.length) placed.push(Infinity);
  return placed;
}

class Writer {
  segments = [];
  #next;

  constructor(start) {
    this.#next = start;
  }

  skipTo(key) {
    this.#next = key;
  }

  write(from, index) {
    let segment = this.segments.at(-1);
    if (!segment || segment.count === segment.capacity || segment.end !== this.#next) {
      segment = new Segment(this.#next, SEGMENT);
      this.segments.push(segment);
    }
    const to = segment.count;
    for (const name of COLUMNS) segment[name][to] = from[name][index];
    segment.count += 1;
    segment.bytes += from.bytes / from.count;
    const time = from.time[index];
    if (time < segment.firstTime) segment.firstTime = time;
    if (time > segment.lastTime) segment.lastTime = time;
    if (from.level[index] >= 40) segment.errors += 1;
    this.#next += 1;
  }
}

function* flat(segments) {
  for (const segment of segments) for (let index = 0; index < segment.count; index += 1) yield [segment, index];
}
