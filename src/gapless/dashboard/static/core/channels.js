/** Which channels there are, and which of them the list shows. */
import { readUrl, writeUrl } from "./url.js";

const REFRESH_MS = 10_000;
const REFRESH_NONE_MS = 2_000; // while there is none yet
const MAX_KNOWN = 1_000; // the others are found on Channels, by their names
const MAX_ON = 30; // switched on without being asked to
const PATIENCE_MS = 5_000;

/** Channels of statistics are for the board: `stats`, `app:stats`, … */
export function isStats(name) {
  return name.split(":").pop() === "stats";
}

/** @typedef {Record<string, {num_clients?: number}>} Listing as the method `channels` answers */

export class Channels {
  /** Names and how many read each, as the server lists them. @type {Map<string, number>} */
  known = new Map();
  #app;
  #chosen = [];

  constructor(app) {
    this.#app = app;
  }

  /** Channels that the page's address names are on; then the others wait for their switch. */
  begin() {
    this.#chosen = readUrl().params.getAll("ch");
    for (const name of this.#chosen) this.#turnOn(name);
  }

  /** @param {Listing} [listed] what the server listed already */
  start(listed) {
    if (listed) this.#take(listed);
    else if (this.#app.api.state !== "refused") this.refresh();
    this.#keepFresh();
  }

  async refresh() {
    const { api } = this.#app;
    try {
      const { channels } = await api.call("channels", { all: true, limit: MAX_KNOWN });
      this.#take(channels);
    } catch {
      this.#app.live.paintSoon(); // what became of it stands in `api.state`
    }
  }

  /** @param {Listing} listed */
  #take(listed) {
    this.known = new Map(Object.entries(listed).map(([name, { num_clients: clients = 0 }]) => [name, clients]));
    if (this.#chosen.length === 0) {
      const fresh = [...this.known.keys()].filter((name) => !this.#feed.channels.has(name) && !isStats(name) && !name.startsWith("$")).sort();
      for (const name of fresh.slice(0, Math.max(0, MAX_ON - this.#feed.channels.size))) this.#turnOn(name);
    }
    this.#app.live.paintSoon();
  }

  /** All of them, for a list with a switch for each. */
  list() {
    const { channels } = this.#feed;
    const counts = new Map(this.#app.live.panel.store.channels.top(Infinity).map(({ name, count }) => [name, count]));
    const names = new Set([...channels.keys(), ...this.known.keys()].filter((name) => !name.startsWith("$")));
    return [...names].map((name) => {
      const channel = channels.get(name);
      return { name, on: Boolean(channel?.subscription) || Boolean(channel && !channel.off && !channel.error), error: channel?.error ?? null, count: counts.get(name) ?? 0 };
    });
  }

  toggle(name) {
    const channel = this.#feed.channels.get(name);
    if (channel?.subscription) this.#feed.turnOff(name);
    else this.#turnOn(name);
    this.#app.live.panel.asking.refilter();
    this.#remember();
  }

  turnAllOn() {
    for (const { name, off } of this.#feed.channels.values()) if (off) this.#turnOn(name);
    this.#app.live.panel.asking.refilter();
    this.#remember();
  }

  only(name) {
    for (const channel of this.#feed.channels.values()) if (channel.subscription && channel.name !== name) this.#feed.turnOff(channel.name);
    if (!this.#feed.isOn(name)) this.#turnOn(name);
    this.#app.live.panel.asking.refilter();
    this.#remember();
  }

  /** Until the history of a channel is there, or it takes too long. */
  async joined(name) {
    const until = Date.now() + PATIENCE_MS;
    const isHere = () => this.#feed.channels.get(name)?.joining === "" || Date.now() > until;
    while (!isHere()) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  get #feed() {
    return this.#app.live.panel.feed;
  }

  #turnOn(name) {
    if (!this.#feed.isOn(name)) this.#feed.turnOn(name);
  }

  /** What is on goes into the address, once the reader chose. */
  #remember() {
    const { names } = this.#feed;
    const off = [...this.#feed.channels.values()].some((channel) => channel.off);
    this.#chosen = off ? names : [];
    writeUrl({ ch: this.#chosen });
  }

  #keepFresh() {
    const { api } = this.#app;
    setTimeout(async () => {
      // Who was refused is not asked again and again: a new sign-in loads the page anew.
      const mayAsk = api.state !== "refused" && api.state !== "absent";
      if (document.visibilityState === "visible" && mayAsk) await this.refresh();
      this.#keepFresh();
    }, this.known.size === 0 ? REFRESH_NONE_MS : REFRESH_MS);
  }
}
