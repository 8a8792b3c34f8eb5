/** What the server keeps and the page has not loaded: how much, and whether more is on its way. The work comes with the first question. */

export class Past {
  /** Is a read under way? */
  busy = false;
  error = "";
  onChange = () => {};
  /** Was it stopped since it began? */
  isStopped = false;
  /** Rows that were read and are older than what other channels have yet to give. @type {Map<string, object[]>} by channel */
  ahead = new Map();
  #parts;
  /** @type {import("./fetching.js").Fetching|null} */
  #fetching = null;

  /** @param {{base: URL, api: object, store: object, view: object, feed: object, ledger: object}} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Channels of which there are older rows. */
  get open() {
    return [...this.#parts.feed.channels.values()].filter(({ name, first, off, epoch, oldest }) => first && !off && first.epoch === epoch && (first.offset > oldest || this.ahead.get(name)?.length));
  }

  /** How many publications the server keeps in front of what is loaded. */
  get older() {
    return this.open.reduce((sum, channel) => sum + channel.first.offset - channel.oldest + (this.ahead.get(channel.name)?.length ?? 0), 0);
  }

  /** Is there room for more rows on this page? */
  get hasRoom() {
    const { store } = this.#parts;
    return store.size < store.maxRows * 1.5;
  }

  stop() {
    this.isStopped = true;
  }

  /** The oldest that the server keeps of a channel now. @returns {Promise<{offset: number, time: number|null}|undefined>} */
  async first(name) {
    return (await this.#load()).first(name);
  }

  /** At most so many publications before an offset, the oldest first. They go into no list. */
  async before(channel, epoch, offset, limit) {
    return (await this.#load()).reading.before(channel, epoch, offset, limit);
  }

  /** At most so many publications after an offset, the oldest first. They go into no list. */
  async after(channel, epoch, offset, limit) {
    return (await this.#load()).reading.after(channel, epoch, offset, limit);
  }

  /** Load about a page of older rows, of all channels by time. @returns {Promise<number>} how many */
  async loadOlder() {
    return (await this.#exclusively((fetching) => fetching.older())) ?? 0;
  }

  /** Load older rows until `enough()` or nothing is left. */
  async search(enough) {
    return this.#exclusively((fetching) => fetching.search(enough));
  }

  /** Load the rows of a gap in their place, from its beginning. */
  async fill(mark) {
    return this.#exclusively((fetching) => fetching.fill(mark));
  }

  /** Rows on both sides of a position, in front of what is loaded. @returns {Promise<number|null>} its key */
  async around(name, epoch, offset) {
    const { store, feed } = this.#parts;
    const known = store.keyOf(name, epoch, offset);
    const channel = feed.channels.get(name);
    if (known !== null || !channel?.first || channel.first.epoch !== epoch || offset < channel.oldest) return known;
    return this.#exclusively((fetching) => fetching.around(channel, epoch, offset));
  }

  /**
   * Rows on both sides of a time, where one channel alone is on and the server finds it: nothing in between is loaded.
   * @param {number} time milliseconds since 1970 @returns {Promise<number|null>} the key of the first from then on
   */
  async aroundTime(time) {
    const found = await this.#load().then((fetching) => fetching.seek(time)).catch(() => null);
    return found && this.around(found.channel, found.epoch, found.offset + 1);
  }

  async #exclusively(work) {
    if (this.busy) return null;
    this.busy = true;
    this.isStopped = false;
    this.error = "";
    this.onChange();
    try {
      return await work(await this.#load());
    } catch (error) {
      this.error = error.message;
      return null;
    } finally {
      this.busy = false;
      this.onChange();
    }
  }

  async #load() {
    const { Fetching } = await import("./fetching.js").catch(() => {
      throw new Error("the server did not give the page what it reads with");
    });
    return (this.#fetching ??= new Fetching(this, this.#parts));
  }
}
