/**
 * What the hub says of itself: from its own channels (`$stats`, `$clients`, `$sources`, `$notices`) where the server has them and
 * we may read them, else by asking its API again and again. Nothing is asked that nobody looks at.
 */
const OWN = { history: 0, onGap: () => {}, onError: () => {} }; // they keep nothing: what comes next says it all
const BEHIND_SECONDS = 1.5; // of lines that were published and have not come

export class Watching {
  onChange = () => {};
  /** The newest of `$stats`, or null. */
  stats = null;
  /** @type {{source: string, channel: string, via: string, state: string, since: number, last_seen: number, rows: number, dropped: number, error: string|null}[]} */
  sources = [];
  /** How far behind what is published this page is. @type {{lines: number, seconds: number|null}|null} null: it is not */
  behind = null;
  #app;
  #isLate = false;
  #tells = true; // who feeds it

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
  }

  /** Are there channels of its own, for us? */
  get isLive() {
    const { session } = this.#app;
    return session?.role === "operator" && (session.features ?? []).includes("watch");
  }

  /** From now on the shell knows who feeds the hub, and how far the channels are. */
  start() {
    if (!this.isLive) return;
    this.#app.hub.subscribe("$stats", ({ data }) => this.#onStats(data), OWN);
    this.#app.hub.subscribe("$sources", ({ data }) => this.#onSources(data.sources), OWN);
  }

  /**
   * Be told the clients that are furthest behind, all of them each time, until the subscription is ended.
   * @param {(clients: any[], total: number, cursor?: string) => void} onClients `cursor`: where the API goes on with the others
   */
  clients(onClients) {
    const known = new Map();
    return this.#app.hub.subscribe("$clients", ({ data }) => {
      if (data.all) known.clear();
      for (const client of data.clients) known.set(client.client, client);
      for (const gone of data.gone ?? []) known.delete(gone);
      const clients = [...known.values()].sort((one, other) => other.behind - one.behind || other.waiting - one.waiting || (one.client < other.client ? -1 : 1));
      onClients(clients, data.total, data.cursor);
    }, OWN);
  }

  /**
   * Be told what happens, each by itself, until the subscription is ended.
   * @param {(notice: any) => void} onNotice
   */
  notices(onNotice) {
    const onError = () => {}; // a server that has no notices
    return this.#app.hub.subscribe("$notices", ({ data }) => onNotice(data), { ...OWN, onError });
  }

  /** What `$stats` says of a channel just now, nothing where it does not. @returns {any} */
  ofChannel(name) {
    return this.stats?.channels?.[name] ?? {};
  }

  /** Who feeds the hub, where the server does not say it by itself. */
  async askForSources() {
    if (this.isLive || !this.#tells) return;
    try {
      const { sources } = await this.#app.api.call("sources", { limit: 200 });
      this.#onSources(sources);
    } catch (error) {
      this.#tells = error.code !== 404; // an older server: it is not asked again
      if (this.#tells) throw error;
    }
  }

  #onSources(sources) {
    this.sources = sources;
    this.onChange();
  }

  #onStats(stats) {
    this.stats = stats;
    const behind = behindOf(stats.channels ?? {}, this.#app.live.panel.feed.channels);
    const isLate = behind.lines > 0 && (behind.seconds === null || behind.seconds > BEHIND_SECONDS);
    // One reading may be of the moment before a batch; the second in a row is not.
    this.behind = isLate && this.#isLate ? behind : null;
    this.#isLate = isLate;
    this.onChange();
  }
}

/**
 * How many lines were published and have not come, and how long it took to publish them. Pure.
 * @param {Record<string, {epoch?: string, offset?: number, rate?: number|null}>} heads
 * @param {Map<string, {subscription: {position: {epoch: string, offset: number}|null}|null}>} channels
 * @returns {{lines: number, seconds: number|null}} `seconds`: null when nothing is published just now
 */
export function behindOf(heads, channels) {
  let lines = 0;
  let rate = 0;
  for (const [name, { epoch, offset, rate: published }] of Object.entries(heads)) {
    const position = channels.get(name)?.subscription?.position;
    if (!position || position.epoch !== epoch || offset <= position.offset) continue;
    lines += offset - position.offset;
    rate += published ?? 0;
  }
  return { lines, seconds: rate > 0 ? lines / rate : null };
}
