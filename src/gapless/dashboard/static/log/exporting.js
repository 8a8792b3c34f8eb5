/**
 * Everything that a query finds, as one text: of what the page has loaded, and of all that the server keeps beside it. The
 * oldest line first, by time over all channels; what is not there any more is said in its place, as in the list.
 */
import { parse } from "../core/json.js";
import { firstAtLeast } from "./bisect.js";
import { frameOf, gapLines, toLine } from "./copying.js";
import { toMatcher } from "./match.js";
import { FLAG } from "./segment.js";
import { dataOf } from "./shape.js";
import { toTest } from "./testing.js";

const PAGE = 1_000; // publications in one read
const RUN = 500; // loaded rows that are taken at once
const PIECE = 1 << 20; // characters that are handed to the browser at once: it has them on its disk
const SLICE_MS = 8;

/**
 * @typedef {{at: number, text: string|null}} Entry `at`: its time, or that of the one before; `text`: null when the query does not find it
 * @typedef {{name: string, epoch: string, first: number, head: number, offsets: number[], keys: number[]}} Stream
 *   of one life of a channel, what is loaded; `first`, `head`: what there is to read, the server's with it
 */

export class Export {
  /** Lines that were looked through, and how many there are; lines that fit. */
  read = 0;
  total = 0;
  lines = 0;
  /** Lines that are neither here nor kept any more. */
  lost = 0;
  onChange = () => {};
  #store;
  #past;
  #format;
  #matcher;
  #test;
  #streams;
  #isStopped = false;

  /**
   * @param {{store: import("./store.js").Store, past: {after: import("./past.js").Past["after"]}, format: string, now: number,
   *   channels: {name: string, epoch: string, oldest: number, head: number}[],
   *   query: {node: import("./query.js").Node, caseSensitive: boolean}}} what `channels`: those that are read
   */
  constructor({ store, past, channels, query, format, now }) {
    const how = { caseSensitive: query.caseSensitive, now };
    this.#store = store;
    this.#past = past;
    this.#format = format;
    this.#matcher = toMatcher(query.node, store, how) ?? (() => true);
    this.#test = toTest(query.node, how);
    this.#streams = streamsOf(store, channels);
    this.total = this.#streams.reduce((sum, { first, head, offsets }) => sum + (head > 0 ? head - first + 1 : offsets.length), 0);
  }

  /** @returns {Promise<Blob|null>} null: it was stopped. Throws what kept it from being read. */
  async go() {
    const [begin, end, between] = frameOf(this.#format);
    let blob = new Blob([begin]);
    let piece = "";
    let rested = performance.now();
    for await (const { text } of inOrder(this.#streams.map((stream) => this.#entries(stream)))) {
      if (this.#isStopped) return null;
      if (text !== null) piece += (this.lines++ === 0 ? "" : between) + text;
      if (piece.length > PIECE) [blob, piece] = [new Blob([blob, piece]), ""];
      if (performance.now() - rested < SLICE_MS) continue;
      this.onChange();
      await new Promise((resolve) => setTimeout(resolve));
      rested = performance.now();
    }
    return this.#isStopped ? null : new Blob([blob, piece, end]);
  }

  stop() {
    this.#isStopped = true;
  }

  /** What there is of a stream, in its order, some at a time. @param {Stream} stream @returns {AsyncGenerator<Entry[]>} */
  async *#entries(stream) {
    let at = -Infinity; // times never fall
    const timed = (entries) => entries.map(({ time, text }) => ({ at: (at = Math.max(at, time ?? at)), text }));
    if (stream.head === 0) {
      for (let from = 0; from < stream.keys.length; from += RUN) yield timed(this.#loaded(stream, from, from + RUN));
      return;
    }
    for (let next = stream.first; next <= stream.head && !this.#isStopped; ) {
      const from = firstAtLeast(stream.offsets, next);
      let to = from;
      while (to < from + RUN && stream.offsets[to] === next + to - from) to += 1;
      const loaded = this.#loaded(stream, from, to);
      if (loaded.length > 0) {
        yield timed(loaded);
        next += loaded.length;
        continue;
      }
      const rows = (await this.#past.after(stream.name, stream.epoch, next - 1, PAGE)).filter(({ offset }) => offset <= stream.head);
      const there = rows[0]?.offset ?? stream.offsets.find((offset) => offset > next) ?? stream.head + 1;
      if (there > next) yield timed(this.#missing(stream, next, there - 1));
      yield timed(rows.map((row) => this.#fetched(row)));
      next = (rows.at(-1)?.offset ?? there - 1) + 1;
    }
  }

  /** Rows that the page has, as far as it has them still. */
  #loaded({ name, epoch, offsets, keys }, from, to) {
    const found = [];
    for (let at = from; at < Math.min(to, keys.length); at += 1) {
      const place = this.#store.find(keys[at]);
      const row = place && this.#store.row(place.segment, place.index);
      if (!row || row.channel !== name || row.epoch !== epoch || (row.offset ?? 0) !== offsets[at]) break; // it left meanwhile
      const { segment, index } = place;
      found.push({ time: row.time, text: this.#matcher(segment, index) ? toLine(row, this.#store.data(segment, index), this.#format) : null });
    }
    this.read += found.length;
    return found;
  }

  #fetched(row) {
    this.read += 1;
    if (!this.#test(row)) return { time: row.time, text: null };
    const { shape, channel, time } = row;
    const { level, logger, source, message, rest, messageKey } = shape;
    const flags = shape.hasException ? FLAG.EXCEPTION : 0;
    return { time, text: toLine({ time, level, channel, logger, source, message, flags }, dataOf(rest, message, messageKey, parse), this.#format) };
  }

  /** What went before it could be read. In front of all that is here it is no hole: it is not kept any more. */
  #missing({ name, epoch, first }, from, to) {
    const count = to - from + 1;
    this.read += count;
    if (from === first) return [];
    this.lost += count;
    return gapLines({ channel: name, epoch, kind: "lost", from, to, count, reason: "expired" }, this.#format).map((text) => ({ time: null, text }));
  }
}

/** What is loaded of each life of these channels, and of the newest what the server keeps beside it. @returns {Stream[]} */
function streamsOf(store, channels) {
  /** @type {Map<string, Stream>} */
  const found = new Map();
  const known = new Map(channels.map((channel) => [channel.name, channel]));
  const streamOf = (name, epoch) => {
    const id = `${name}\n${epoch}`;
    let stream = found.get(id);
    if (!stream) found.set(id, (stream = { name, epoch, first: Infinity, head: 0, offsets: [], keys: [] }));
    return stream;
  };
  for (const segment of store.segments)
    for (let index = 0; index < segment.count; index += 1) {
      const { channel, epoch } = store.streamOf(segment, index);
      if (!known.has(channel)) continue;
      const stream = streamOf(channel, epoch);
      stream.offsets.push(segment.offset[index]);
      stream.keys.push(segment.start + index);
    }
  for (const { name, epoch, oldest, head } of channels) {
    if (!epoch || head === 0) continue;
    const stream = streamOf(name, epoch);
    sortByOffset(stream);
    Object.assign(stream, { first: Math.min(oldest || head + 1, stream.offsets[0] ?? Infinity), head: Math.max(head, stream.offsets.at(-1) ?? 0) });
  }
  return [...found.values()];
}

/** Rows stand by time where several channels were woven: within one they are in its order already, or nearly. */
function sortByOffset(stream) {
  if (stream.offsets.every((offset, at) => at === 0 || offset > stream.offsets[at - 1])) return;
  const order = stream.offsets.map((_, at) => at).sort((one, other) => stream.offsets[one] - stream.offsets[other]);
  Object.assign(stream, { offsets: order.map((at) => stream.offsets[at]), keys: order.map((at) => stream.keys[at]) });
}

/** Of several that are in order each, all in order. @param {AsyncGenerator<Entry[]>[]} sources @returns {AsyncGenerator<Entry>} */
async function* inOrder(sources) {
  const open = sources.map((source) => ({ source, entries: [], at: 0 }));
  while (true) {
    for (const each of [...open])
      while (each.at === each.entries.length) {
        const { value, done } = await each.source.next();
        if (done) {
          open.splice(open.indexOf(each), 1);
          break;
        }
        Object.assign(each, { entries: value, at: 0 });
      }
    if (open.length === 0) return;
    const next = open.reduce((one, other) => (other.entries[other.at].at < one.entries[one.at].at ? other : one));
    yield next.entries[next.at];
    next.at += 1;
  }
}
