/**
 * Looking for lines in all that the server keeps, the newest first: by its index of words where a channel has one,
 * else page by page. The query is tested here in either case, so what is found is what the list would show.
 */
import { toIndexed } from "./indexed.js";
import { toRow, toTest } from "./testing.js";

const PAGE = 1_000; // publications in one read
const INDEXED = 200; // hits in one answer of the index
const ENOUGH = 100; // hits, until it is asked to go on
const ABSENT = new Set([0, 102, 104, 108, 404, 405]); // codes of "there is no index here"

/** @typedef {ReturnType<typeof toRow> & {at: number}} Hit */

export class Search {
  /** @type {Hit[]} the newest first */
  hits = [];
  /** "searching", "more" (there is more to look through), "done", "stopped" or "failed". */
  state = "searching";
  error = "";
  /** Lines that were looked through, and how many there are. */
  read = 0;
  total = 0;
  onChange = () => {};
  #api;
  #past;
  #test;
  #indexed;
  #channels;
  #aborting = new AbortController();

  /**
   * @param {{api: import("../core/api.js").Api, past: import("./past.js").Past, now: number,
   *   channels: {name: string, epoch: string, oldest: number, head: number}[], byIndex?: boolean,
   *   query: {node: import("./query.js").Node, caseSensitive: boolean}}} what `byIndex`: where there is one
   */
  constructor({ api, past, channels, query, now, byIndex = true }) {
    this.#api = api;
    this.#past = past;
    this.#test = toTest(query.node, { caseSensitive: query.caseSensitive, now });
    this.#indexed = byIndex && api.isOpen ? toIndexed(query.node, now) : null;
    this.#channels = channels.filter(({ epoch }) => epoch).map((channel) => ({ ...channel, before: channel.head + 1, way: this.#indexed ? "index" : "pages", isDone: channel.head < channel.oldest }));
    this.total = this.#channels.reduce((sum, { head, oldest }) => sum + Math.max(0, head - oldest + 1), 0);
  }

  /** Is any of it found by words alone, by how they begin? */
  get isByIndex() {
    return this.#channels.some(({ way }) => way === "index");
  }

  /** Look on until there are enough more hits, all is looked through, or it is stopped. */
  async go() {
    const wanted = this.hits.length + ENOUGH;
    this.#become("searching");
    try {
      while (this.hits.length < wanted) {
        const channel = this.#next();
        if (!channel) return this.#become("done");
        await this.#step(channel);
        if (this.state !== "searching") return undefined;
        this.onChange();
      }
      return this.#become(this.#next() ? "more" : "done");
    } catch (error) {
      if (this.state !== "searching") return undefined;
      this.error = error.message;
      return this.#become("failed");
    }
  }

  stop() {
    this.#aborting.abort();
    this.#aborting = new AbortController();
    if (this.state === "searching") this.#become("stopped");
  }

  #become(state) {
    this.state = state;
    this.onChange();
  }

  /** The channel that was looked through the least far back. */
  #next() {
    const open = this.#channels.filter(({ isDone }) => !isDone);
    return open.sort((one, other) => (other.reached ?? Infinity) - (one.reached ?? Infinity))[0];
  }

  async #step(channel) {
    if (channel.way === "index") {
      try {
        return await this.#ask(channel);
      } catch (error) {
        if (!ABSENT.has(error.code)) throw error;
        channel.way = "pages";
      }
    }
    return this.#page(channel);
  }

  async #ask(channel) {
    const { name, before } = channel;
    const { publications, epoch, more } = await this.#api.call("search", { channel: name, before, limit: INDEXED, ...this.#indexed }, { signal: this.#aborting.signal });
    const rows = publications.map(({ offset, data, time }) => ({ ...toRow(name, epoch, offset, data), keptAt: time * 1_000 }));
    this.#take(channel, rows);
    channel.isDone = !more || rows.length === 0;
    const end = channel.isDone ? channel.oldest : rows.at(-1).offset;
    this.read += Math.max(0, before - end);
    channel.before = end;
  }

  async #page(channel) {
    const { name, epoch, before, oldest } = channel;
    const rows = before > oldest ? await this.#past.before(name, epoch, before, PAGE) : [];
    if (this.state !== "searching") return;
    this.#take(channel, rows.toReversed());
    const end = rows[0]?.offset ?? oldest;
    this.read += before - end;
    Object.assign(channel, { before: end, isDone: rows.length === 0 || end <= oldest });
  }

  /** Rows, the newest first. */
  #take(channel, rows) {
    for (const row of rows) {
      const at = row.time ?? row.keptAt ?? channel.reached ?? Infinity;
      channel.reached = Math.min(channel.reached ?? Infinity, at);
      if (this.#test(row)) this.hits.push({ ...row, at });
    }
    if (rows.length === 0) channel.reached ??= -Infinity;
    this.hits.sort((one, other) => other.at - one.at); // stable: within a channel the newest first
  }
}
