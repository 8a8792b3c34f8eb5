/** Loading what the server keeps: older rows in front of the list, of a gap, around a position. */
import { Reading } from "./reading.js";

const PAGE = 1_000; // publications in one read
const EACH = 200; // of them on either side of a position

export class Fetching {
  #past;
  #api;
  #store;
  #view;
  #feed;
  #ledger;

  /**
   * @param {import("./past.js").Past} past
   * @param {{base: URL, api: object, store: object, view: object, feed: object, ledger: object}} parts
   */
  constructor(past, { base, api, store, view, feed, ledger }) {
    this.#past = past;
    this.#api = api;
    this.#store = store;
    this.#view = view;
    this.#feed = feed;
    this.#ledger = ledger;
    this.reading = new Reading({ base, api });
  }

  /** The oldest of a channel. @returns {Promise<{offset: number, time: number|null}|undefined>} */
  async first(name) {
    const { epoch, oldest } = this.#feed.channels.get(name);
    const [row] = await this.reading.after(name, epoch, Math.max(0, oldest - 1), 1);
    return row;
  }

  /** About a page, by time over all channels: what is older than the oldest that another channel may still have, waits. */
  async older() {
    const { ahead, open: channels } = this.#past;
    for (const channel of channels) {
      if (ahead.get(channel.name)?.length || channel.first.offset <= channel.oldest) continue;
      const { epoch, offset } = channel.first;
      const rows = await this.reading.before(channel.name, epoch, offset, PAGE);
      if (rows.length === 0) channel.oldest = offset; // it is not kept any more
      else channel.first = { epoch, offset: rows[0].offset };
      for (const row of rows) this.#ledger.received(channel.name, epoch, row.offset);
      ahead.set(channel.name, rows);
    }
    const edge = (channel) => (channel.first.offset > channel.oldest ? (ahead.get(channel.name)?.[0]?.at ?? -Infinity) : -Infinity);
    const bound = Math.max(...channels.map(edge), -Infinity);
    const rows = [];
    for (const { name } of channels) {
      const read = ahead.get(name) ?? [];
      rows.push(...read.filter((row) => row.at >= bound));
      ahead.set(name, read.filter((row) => row.at < bound));
    }
    rows.sort((one, other) => one.at - other.at);
    this.#store.prepend(rows);
    this.#past.onChange();
    return rows.length;
  }

  /** Older rows until `enough()`, until it is stopped, or nothing is left. */
  async search(enough) {
    const past = this.#past;
    while (!past.isStopped && past.hasRoom && !enough() && past.older > 0) if ((await this.older()) === 0) break;
  }

  /** The rows of a gap in their place, from its beginning. */
  async fill(mark) {
    const { gap } = mark;
    while (!this.#past.isStopped && gap.count > 0 && this.#past.hasRoom) {
      const rows = await this.reading.after(gap.channel, gap.epoch, gap.from - 1, Math.min(PAGE, gap.count));
      const wanted = rows.filter((row) => row.offset <= gap.to);
      if (!this.#place(mark, wanted)) break;
    }
  }

  /** Rows on both sides of a position that is not loaded. @returns {Promise<number|null>} its key */
  async around(channel, epoch, offset) {
    const { name } = channel;
    const before = channel.first.offset;
    const from = Math.max(channel.oldest, offset - EACH);
    const rows = (await this.reading.after(name, epoch, from - 1, 2 * EACH + 1)).filter((row) => row.offset < before);
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
  }

  /**
   * What the server had published when it was that time. An older server, or one that does not tell us, throws: there
   * it is looked for page by page.
   * @param {number} time milliseconds since 1970
   * @returns {Promise<{channel: string, epoch: string, offset: number}|null>} null: not one channel alone is on
   */
  async seek(time) {
    const [channel, ...others] = [...this.#feed.channels.values()].filter(({ subscription, first }) => subscription && first);
    if (!channel || others.length > 0 || !this.#api.isOpen) return null;
    const { epoch, offset } = await this.#api.call("seek", { channel: channel.name, time: time / 1_000 });
    return { channel: channel.name, epoch, offset };
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
    this.#past.onChange();
  }
}
