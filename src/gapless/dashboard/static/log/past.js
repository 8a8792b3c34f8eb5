/** What the server keeps and the page has not loaded: older rows in front of the list, of a gap, around a position. */
const PAGE = 1_000; // publications in one read

export class Past {
  /** Is a read under way? */
  busy = false;
  error = "";
  onChange = () => {};
  #server;
  #store;
  #view;
  #feed;
  #ledger;
  #ahead = new Map(); // channel → rows that were read and are older than what other channels have yet to give
  #stopped = false;
  #reading = null;

  /** @param {{base: URL, api: object, store: object, view: object, feed: object, ledger: object}} parts */
  constructor({ base, api, store, view, feed, ledger }) {
    this.#server = { base, api };
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

  /** At most so many publications after an offset, the oldest first. They go into no list. */
  after(channel, epoch, offset, limit) {
    return this.#read(channel, epoch, offset, limit);
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

  /**
   * Rows on both sides of a time, where one channel alone is on and the server finds it: nothing in between is loaded.
   * @param {number} time milliseconds since 1970 @returns {Promise<number|null>} the key of the first from then on
   */
  async aroundTime(time) {
    const { api } = this.#server;
    const [channel, ...others] = [...this.#feed.channels.values()].filter(({ subscription, first }) => subscription && first);
    if (!channel || others.length > 0 || !api.isOpen) return null;
    try {
      const { epoch, offset } = await api.call("seek", { channel: channel.name, time: time / 1_000 });
      return await this.around(channel.name, epoch, offset + 1);
    } catch {
      return null; // an older server, or one that does not tell us: it is looked for page by page
    }
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
    const reading = await this.#loadReading();
    return reading.before(channel, epoch, before, limit);
  }

  async #read(channel, epoch, after, limit) {
    const reading = await this.#loadReading();
    return reading.after(channel, epoch, after, limit);
  }

  /** How the server is asked: loaded with the first question. */
  async #loadReading() {
    const { Reading } = await import("./reading.js").catch(() => {
      throw new Error("the server did not give the page what it reads with");
    });
    return (this.#reading ??= new Reading(this.#server));
  }
}
