/**
 * The rows of a page, in columns. A row's key is its place in the order of the page and never changes; keys may have
 * holes, where rows are kept for what has yet to be loaded. Rows leave by whole segments, the oldest first.
 */
import { parse } from "../core/json.js";
import { ERROR, LEVELS } from "./levels.js";
import { Names } from "./names.js";
import { FLAG, SEGMENT, Segment } from "./segment.js";
import { dataOf } from "./shape.js";
import { woven } from "./weave.js";

const ROW_BYTES = 60; // columns and headers of strings
const LATE_MS = 5_000;
const WIDE = /[^\n\t -~\xa0-\xff]/;

export class Store {
  /** @type {Segment[]} in the order of their keys */
  segments = [];
  size = 0;
  bytes = 0;
  evicted = 0;
  loggers = new Names();
  sources = new Names();
  channels = new Names();
  levels = Object.fromEntries(LEVELS.map(({ rank }) => [rank, 0]));
  #streams = []; // id → {channel, channelId, epoch}
  #streamIds = new Map();
  #newest = { channel: "", epoch: "", id: -1 }; // stream that a row was put in last: the next one mostly is of the same
  #next = 0; // key
  #lastTime = -Infinity;
  #listeners = [];

  /** @param {{maxRows?: number, maxBytes?: number}} limits */
  constructor({ maxRows = 200_000, maxBytes = 64 * 1024 * 1024 } = {}) {
    this.maxRows = maxRows;
    this.maxBytes = maxBytes;
    /** Asked before a segment leaves: is it being read? @type {(segment: Segment) => boolean} */
    this.isHeld = () => false;
  }

  /** The key of the next row. */
  get nextKey() {
    return this.#next;
  }

  get firstKey() {
    return this.segments.length ? this.segments[0].start : this.#next;
  }

  /**
   * `added(segment, from)`: it holds rows from this index on that are new; `removed(segment)`; `rewoven(toKey)`: keys
   * changed; `replaced(segment, index)`: another row stands in that place.
   */
  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Put a row at the end. @returns {number} its key */
  append(row) {
    let segment = this.segments.at(-1);
    if (!segment || segment.count === segment.capacity || segment.end !== this.#next) {
      segment = new Segment(this.#next, SEGMENT);
      this.segments.push(segment);
    }
    this.#write(segment, row, this.#lastTime);
    if (row.time !== null) this.#lastTime = row.time;
    this.#next += 1;
    for (const { added } of this.#listeners) added?.(segment, segment.count - 1);
    return this.#next - 1;
  }

  /** Put a row in the place of one that is here: the next state of something that goes on. @returns {boolean} was it here? */
  replace(key, row) {
    const place = this.find(key);
    if (!place) return false;
    const { segment, index } = place;
    if (segment.level[index] >= ERROR) segment.errors -= 1;
    this.#count(segment, index, -1, -bytesOf(segment, index));
    this.#put(segment, index, row, Infinity);
    for (const { replaced } of this.#listeners) replaced?.(segment, index);
    return true;
  }

  /** Keep keys for rows that may be loaded later. @returns {number} the first of them */
  reserve(rows) {
    this.#next += rows;
    return this.#next - rows;
  }

  /** Put rows in front of all others, in their order. @returns {number} the first of their keys */
  prepend(rows) {
    return this.insert(this.firstKey - rows.length, rows);
  }

  /** Put rows at keys that are free, from `start` on, in their order. */
  insert(start, rows) {
    if (rows.length === 0) return start;
    for (let at = 0; at < rows.length; at += SEGMENT) {
      const part = rows.slice(at, at + SEGMENT);
      const segment = new Segment(start + at, part.length);
      let place = this.segments.findIndex((other) => other.start > segment.start);
      if (place < 0) place = this.segments.length;
      this.segments.splice(place, 0, segment);
      for (const row of part) this.#write(segment, row, Infinity);
      for (const { added } of this.#listeners) added?.(segment, 0);
    }
    return start;
  }

  /** Put rows among others by their times, as far as these go. */
  weave(rows) {
    const others = new Store();
    others.#shareNames(this);
    for (const row of rows) others.append(row);
    const result = woven(this.segments, others.segments);
    if (!result) {
      others.clear();
      return void rows.forEach((row) => this.append(row));
    }
    this.size += rows.length;
    this.bytes += others.bytes;
    this.segments = result.segments;
    this.#next = Math.max(result.toKey(this.#next), this.segments.at(-1).end);
    for (const { rewoven } of this.#listeners) rewoven?.(result.toKey);
  }

  /** Let the oldest go until the limits hold. @returns {number} how many rows went */
  trim(slack = 1) {
    let gone = 0;
    while (
      this.segments.length > 1 &&
      (this.size > this.maxRows * slack || this.bytes > this.maxBytes * slack) &&
      !this.isHeld(this.segments[0])
    )
      gone += this.#drop(this.segments[0]);
    this.evicted += gone;
    return gone;
  }

  clear() {
    while (this.segments.length) this.#drop(this.segments[0]);
  }

  /** Where a key is, or null when it is not here. @returns {{segment: Segment, index: number}|null} */
  find(key) {
    let low = 0;
    let high = this.segments.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const segment = this.segments[middle];
      if (key < segment.start) high = middle - 1;
      else if (key >= segment.end) low = middle + 1;
      else return { segment, index: key - segment.start };
    }
    return null;
  }

  /** Everything about a row, for those who look at few of them. */
  row(segment, index) {
    const { channel, epoch } = this.#streams[segment.stream[index]];
    const offset = segment.offset[index] || null;
    return {
      key: segment.start + index,
      channel,
      epoch,
      offset,
      position: offset === null ? channel : `${channel}@${epoch}:${offset}`,
      time: Number.isNaN(segment.time[index]) ? null : segment.time[index],
      level: segment.level[index],
      logger: this.loggers.name(segment.logger[index]),
      source: this.sources.name(segment.source[index]),
      message: segment.message[index],
      flags: segment.flags[index],
    };
  }

  /** The publication's data, as it was published. */
  data(segment, index) {
    return dataOf(segment.rest[index], segment.message[index], segment.messageKey[index], parse);
  }

  streamOf(segment, index) {
    return this.#streams[segment.stream[index]];
  }

  /** The key of a publication, or null when it is not here. */
  keyOf(channel, epoch, offset) {
    const id = this.#streamIds.get(`${channel}\n${epoch}`);
    if (id === undefined) return null;
    for (const segment of this.segments)
      for (let index = 0; index < segment.count; index += 1)
        if (segment.offset[index] === offset && segment.stream[index] === id) return segment.start + index;
    return null;
  }

  #write(segment, row, lastTime) {
    segment.count += 1;
    this.#put(segment, segment.count - 1, row, lastTime);
  }

  #put(segment, index, row, lastTime) {
    const { shape } = row;
    const stream = this.#stream(row.channel, row.epoch);
    const logger = this.loggers.id(shape.logger);
    const source = this.sources.id(shape.source);
    const time = row.time ?? NaN;
    segment.message[index] = shape.message;
    segment.rest[index] = shape.rest;
    segment.time[index] = time;
    segment.offset[index] = row.offset ?? 0;
    segment.level[index] = shape.level;
    segment.stream[index] = stream;
    segment.logger[index] = logger;
    segment.source[index] = source;
    segment.messageKey[index] = shape.messageKey;
    segment.flags[index] =
      (shape.guessed ? FLAG.GUESSED : 0) |
      (time < lastTime - LATE_MS && lastTime !== Infinity ? FLAG.LATE : 0) |
      (shape.hasFields ? FLAG.FIELDS : 0) |
      (shape.hasException ? FLAG.EXCEPTION : 0) |
      (WIDE.test(shape.message) ? FLAG.WIDE : 0) |
      (shape.message.includes("\n") ? FLAG.LINES : 0);
    if (time < segment.firstTime) segment.firstTime = time;
    if (time > segment.lastTime) segment.lastTime = time;
    if (shape.level >= ERROR) segment.errors += 1;
    this.#count(segment, index, 1, bytesOf(segment, index));
  }

  /** Rows that are made here will be those of another store: they are counted there at once. */
  #shareNames(owner) {
    for (const name of ["loggers", "sources", "channels", "levels"]) this[name] = owner[name];
    this.#streams = owner.#streams;
    this.#streamIds = owner.#streamIds;
  }

  #count(segment, index, sign, bytes) {
    this.size += sign;
    this.bytes += bytes;
    segment.bytes += bytes;
    this.levels[segment.level[index]] += sign;
    this.loggers.counts[segment.logger[index]] += sign;
    this.sources.counts[segment.source[index]] += sign;
    this.channels.counts[this.#streams[segment.stream[index]].channelId] += sign;
  }

  #drop(segment) {
    const { bytes } = segment;
    for (let index = 0; index < segment.count; index += 1) this.#count(segment, index, -1, 0);
    this.bytes -= bytes;
    this.segments.splice(this.segments.indexOf(segment), 1);
    for (const { removed } of this.#listeners) removed?.(segment);
    return segment.count;
  }

  #stream(channel, epoch) {
    const newest = this.#newest;
    if (newest.id < 0 || newest.channel !== channel || newest.epoch !== epoch) this.#newest = { channel, epoch, id: this.#streamId(channel, epoch) };
    return this.#newest.id;
  }

  #streamId(channel, epoch) {
    const name = `${channel}\n${epoch}`;
    const known = this.#streamIds.get(name);
    if (known !== undefined) return known;
    const id = this.#streams.push({ channel, epoch, channelId: this.channels.id(channel) }) - 1;
    this.#streamIds.set(name, id);
    return id;
  }
}

function bytesOf(segment, index) {
  const wide = segment.flags[index] & FLAG.WIDE ? 2 : 1;
  return segment.message[index].length * wide + segment.rest[index].length + ROW_BYTES;
}
