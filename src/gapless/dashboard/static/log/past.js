/**
 * What the server keeps and the page has not loaded: older rows in front of the list, rows of a gap, rows around a
 * position. Read through the API where the page may call it, else by a connection of its own that resumes there.
 */
import { connect } from "../client.js";
import { parse } from "../core/json.js";
import { toRow } from "./testing.js";

const PAGE = 1_000; // publications in one read
const PATIENCE_MS = 15_000;

export class Past {
  /** Is a read under way? */
  busy = false;
  error = "";
  onChange = () => {};
  #base;
  #api;
  #store;
  #view;
  #feed;
  #ledger;
  #ahead = new Map(); // channel → rows that were read and are older than what other channels have yet to give
  #stopped = false;

  /** @param {{base: URL, api: object, store: object, view: object, feed: object, ledger: object}} parts */
  constructor({ base, api, store, view, feed, ledger }) {
    this.#base = base;
    this.#api = api;
    this.#store = store;
    this.#view = view;
    this.#feed = feed;
    this.#ledger = ledger;
  }

  /** How many publications the server keeps in front of what is loaded. */
  get older() {
    return this.#open().reduce((sum, channel) => sum + channel.first.offset - channel.oldest + (this.#ahead.get(channel.name)?.length ?? 0), 0);
  }

  /** Is there room for more rows on this page? */
  get hasRoom() {
    return this.#store.size < this.#store.maxRows * 1.5;
  }

  stop() {
    this.#stopped = true;
  }

  /** The oldest that the server keeps of a channel now. @returns {Promise<{offset: number, time: number|null}|undefined>} */
  async first(name) {
    const { epoch, oldest } = this.#feed.channels.get(name);
    const [row] = await this.#read(name, epoch, Math.max(0, oldest - 1), 1);
    return row;
  }

  /** At most so many publications before an offset, the oldest first. They go into no list. */
  before(channel, epoch, offset, limit) {
    return this.#readBack(channel, epoch, offset, limit);
  }

  /** Load about a page of older rows, of all channels by time. @returns {Promise<number>} how many */
  async loadOlder() {
    return (await this.#exclusively(() => this.#older())) ?? 0;
  }

  /** Load older rows until `enough()` or nothing is left. */
  async search(enough) {
    return this.#exclusively(async () => {
      while (!this.#stopped && this.hasRoom && !enough() && this.older > 0) if ((await this.#older()) === 0) break;
    });
  }

  /** Load the rows of a gap in their place, from its beginning. */
  async fill(mark) {
    return this.#exclusively(async () => {
      const { gap } = mark;
      while (!this.#stopped && gap.count > 0 && this.hasRoom) {
        const rows = await this.#read(gap.channel, gap.epoch, gap.from - 1, Math.min(PAGE, gap.count));
        const wanted = rows.filter((row) => row.offset <= gap.to);
        if (!this.#place(mark, wanted)) break;
      }
    });
  }

  /** Rows on both sides of a position, in front of what is loaded. @returns {Promise<number|null>} its key */
  async around(name, epoch, offset, each = 200) {
    const known = this.#store.keyOf(name, epoch, offset);
    const channel = this.#feed.channels.get(name);
    if (known !== null || !channel?.first || channel.first.epoch !== epoch || offset < channel.oldest) return known;
    return this.#exclusively(async () => {
      const before = channel.first.offset;
      const from = Math.max(channel.oldest, offset - each);
      const rows = (await this.#read(name, epoch, from - 1, 2 * each + 1)).filter((row) => row.offset < before);
      if (rows.length === 0) return null;
      const count = before - 1 - rows.at(-1).offset;
      const start = this.#store.firstKey - count;
      this.#store.insert(start - rows.length, rows);
      for (const row of rows) this.#ledger.received(name, epoch, row.offset);
      if (count > 0) {
        const gap = this.#ledger.missed({ channel: name, kind: "unloaded", from: rows.at(-1).offset + 1, to: before - 1, count, epoch, reason: "skipped", time: Date.now() });
        this.#view.addMark({ before: start, start, kind: "unloaded", gap });
      }
      channel.first = { epoch, offset: rows[0].offset };
      return this.#store.keyOf(name, epoch, offset);
    });
  }

  async #exclusively(work) {
    if (this.busy) return null;
    this.busy = true;
    this.#stopped = false;
    this.error = "";
    this.onChange();
    try {
      return await work();
    } catch (error) {
      this.error = error.message;
      return null;
    } finally {
      this.busy = false;
      this.onChange();
    }
  }

  #open() {
    return [...this.#feed.channels.values()].filter(({ name, first, off, epoch, oldest }) => first && !off && first.epoch === epoch && (first.offset > oldest || this.#ahead.get(name)?.length));
  }

  /** By time over all channels: what is older than the oldest that another channel may still have, waits. */
  async #older() {
    const channels = this.#open();
    for (const channel of channels) {
      if (this.#ahead.get(channel.name)?.length || channel.first.offset <= channel.oldest) continue;
      const { epoch, offset } = channel.first;
      const rows = await this.#readBack(channel.name, epoch, offset, PAGE);
      if (rows.length === 0) channel.oldest = offset; // it is not kept any more
      else channel.first = { epoch, offset: rows[0].offset };
      for (const row of rows) this.#ledger.received(channel.name, epoch, row.offset);
      this.#ahead.set(channel.name, rows);
    }
    const edge = (channel) => (channel.first.offset > channel.oldest ? (this.#ahead.get(channel.name)?.[0]?.at ?? -Infinity) : -Infinity);
    const bound = Math.max(...channels.map(edge), -Infinity);
    const rows = [];
    for (const { name } of channels) {
      const ahead = this.#ahead.get(name) ?? [];
      rows.push(...ahead.filter((row) => row.at >= bound));
      this.#ahead.set(name, ahead.filter((row) => row.at < bound));
    }
    rows.sort((one, other) => one.at - other.at);
    this.#store.prepend(rows);
    this.onChange();
    return rows.length;
  }

  #place(mark, rows) {
    const { gap } = mark;
    const lost = (rows[0]?.offset ?? gap.to + 1) - gap.from;
    if (lost > 0) {
      // It was kept when the gap began, and is not any more.
      const expired = this.#ledger.missed({ ...gap, kind: "lost", to: gap.from + lost - 1, count: lost, reason: "expired", time: Date.now() });
      this.#view.addMark({ before: mark.start, kind: "lost", gap: expired });
      this.#advance(mark, lost);
    }
    if (rows.length === 0) return false;
    this.#store.insert(mark.start, rows);
    for (const row of rows) this.#ledger.received(gap.channel, gap.epoch, row.offset);
    this.#advance(mark, rows.length);
    return true;
  }

  #advance(mark, rows) {
    const { gap } = mark;
    this.#view.removeMark(mark);
    mark.start += rows;
    mark.before = mark.start;
    gap.from += rows;
    this.#ledger.fetched(gap, rows);
    if (gap.count > 0) this.#view.addMark(mark);
    this.onChange();
  }

  async #readBack(channel, epoch, before, limit) {
    if (this.#api.isOpen) return this.#ask(channel, { limit, reverse: true, since: { epoch, offset: before } });
    const from = Math.max(0, before - 1 - limit);
    return this.#resume(channel, epoch, from, before - 1 - from);
  }

  async #read(channel, epoch, after, limit) {
    if (this.#api.isOpen) return this.#ask(channel, { limit, since: { epoch, offset: after } });
    return this.#resume(channel, epoch, after, limit);
  }

  async #ask(channel, query) {
    const { publications, epoch } = await this.#api.call("history", { channel, ...query });
    if (epoch !== query.since.epoch) return [];
    const rows = publications.map(({ offset, data }) => toRow(channel, epoch, offset, data));
    return stamped(query.reverse ? rows.reverse() : rows);
  }

  /** As any client would: resume after a position, and leave when that many have come. */
  #resume(channel, epoch, after, limit) {
    return new Promise((resolve, reject) => {
      const rows = [];
      const hub = connect(this.#base, { parse });
      const done = (settle, value) => {
        clearTimeout(timer);
        hub.close();
        settle(value);
      };
      const timer = setTimeout(() => done(reject, new Error("the server did not answer")), PATIENCE_MS);
      const take = (publication) => {
        if (publication.epoch === epoch && publication.offset <= after + limit) rows.push(toRow(channel, epoch, publication.offset, publication.data));
        if (publication.offset >= after + limit) done(resolve, stamped(rows));
      };
      hub.subscribe(channel, take, {
        since: `${epoch}:${after}`,
        onHistory: () => done(resolve, stamped(rows)),
        onError: (error) => done(reject, new Error(error.message)),
      });
    });
  }
}

/** `at`: the time of a row, or of the one before it, so that it never falls. */
function stamped(rows) {
  let at = rows.find((row) => row.time !== null)?.time ?? 0;
  for (const row of rows) row.at = at = Math.max(at, row.time ?? at);
  return rows;
}
