/** Channels: what there is on the server, how busy it is, and a look into each. */
import { make } from "../core/dom.js";
import { ago, bytes, count, short } from "../core/format.js";
import { OWN_CHANNELS } from "../core/watching.js";
import { plain } from "../log/ansi.js";
import { Pane } from "../ui/pane.js";
import { spark, Table } from "../ui/table.js";
import { channelParts } from "./channel-drawer.js";

const EVERY_MS = 2_000;
const SPARK = 30; // reads: a minute
const MAX_CHANNELS = 200; // in one answer

export class ChannelsPage extends Pane {
  #filter = make("input", { type: "search", placeholder: "Find a channel", "aria-label": "Find a channel" });
  #number = make("span", { className: "muted" });
  #table;
  #known = new Map(); // name → {at, number, rates}
  #rows = [];

  constructor(app) {
    super(app, { title: "Channels", every: EVERY_MS });
    const dash = (value, show) => (value === undefined || value === null ? "–" : show(value));
    this.#table = new Table(
      [
        { key: "name", title: "Channel", small: true, show: (row) => plain(row.name), sort: (row) => row.name },
        { key: "rate", title: "Messages/s", number: true, small: true, show: (row) => dash(row.rate, rate), sort: (row) => row.rate ?? -1 },
        { key: "spark", title: "Last minute", show: (row) => (row.rates.length > 1 ? spark(row.rates) : ""), sort: (row) => row.rate ?? -1 },
        { key: "bytes", title: "Bytes/s", number: true, show: (row) => dash(row.bytes_rate, (number) => bytes(Math.round(number))), sort: (row) => row.bytes_rate ?? -1, hint: "Payload that came, where somebody subscribes" },
        { key: "clients", title: "Subscribers", number: true, show: (row) => count(row.num_clients), sort: (row) => row.num_clients },
        { key: "gaps", title: "Gaps", number: true, show: (row) => dash(row.gaps, gaps), sort: (row) => row.gaps ?? -1, hint: "How often a subscriber was told that publications are gone" },
        { key: "kept", title: "History", number: true, show: (row) => dash(row.kept, short), sort: (row) => row.kept ?? -1, hint: "Publications that the server keeps" },
        { key: "head", title: "Head", number: true, show: (row) => dash(row.offset, count), sort: (row) => row.offset ?? -1, hint: "Offset of the newest publication" },
        { key: "last", title: "Last", number: true, small: true, show: (row) => dash(row.last, (seconds) => ago(Date.now() - seconds * 1_000)), sort: (row) => row.last ?? -1, hint: "When the newest publication came" },
      ],
      (row) => row.name,
      { label: "Channels", sort: "rate" },
    );
    this.tools.append(this.#number, this.#filter);
    this.body.append(this.#table.element);
    this.#filter.oninput = () => this.#paint();
    this.#table.onSort = () => this.#paint();
    this.#table.onOpen = (row) => this.openDrawer(plain(row.name), ...channelParts(app, row));
  }

  async refresh() {
    const words = this.#filter.value.trim();
    const { channels, total = 0 } = await this.app.api.call("channels", { all: true, counters: true, limit: MAX_CHANNELS, ...(words ? { pattern: `*${words.replace(/[[\]{}*?]/g, "?")}*` } : {}) });
    const now = Date.now();
    const { watching } = this.app;
    const names = Object.keys(channels).filter((name) => !OWN_CHANNELS.has(name));
    const all = total - (Object.keys(channels).length - names.length);
    this.#number.textContent = all > names.length ? `the ${count(names.length)} with the most subscribers of ${count(all)}` : "";
    this.#rows = names.map((name) => ({ ...watching.ofChannel(name), name, ...channels[name], ...this.#rateOf(name, channels[name], now) }));
    for (const name of this.#known.keys()) if (this.#known.size > 2 * MAX_CHANNELS && !(name in channels)) this.#known.delete(name);
    this.#paint();
  }

  #rateOf(name, { published, offset }, now) {
    const number = published ?? offset;
    if (number === undefined) return this.#ratesOf(name, this.app.watching.ofChannel(name).rate);
    const known = this.#known.get(name) ?? { at: now, number, rates: [] };
    const seconds = (now - known.at) / 1_000;
    // A clock that was set back makes no rate; the next reading does.
    if (seconds > 0) known.rates.push(Math.max(0, (number - known.number) / seconds));
    while (known.rates.length > SPARK) known.rates.shift();
    Object.assign(known, { at: now, number });
    this.#known.set(name, known);
    return { rate: known.rates.at(-1), rates: known.rates };
  }

  /** Of a channel that keeps nothing only the server knows how much comes. */
  #ratesOf(name, said) {
    if (typeof said !== "number") return { rates: [] };
    const known = this.#known.get(name) ?? { at: 0, number: 0, rates: [] };
    known.rates.push(said);
    while (known.rates.length > SPARK) known.rates.shift();
    this.#known.set(name, known);
    return { rate: said, rates: known.rates };
  }

  #paint() {
    const words = this.#filter.value.trim().toLowerCase();
    const rows = this.#rows.filter(({ name }) => name.toLowerCase().includes(words));
    if (rows.length === 0 && words) return this.say("No channel of that name.", "A name is found by any part of it.");
    if (rows.length === 0) return this.say("There is no channel yet.", "A channel is there from its first publication or subscriber on. This page updates by itself.");
    this.say("");
    this.#table.paint(rows);
  }
}

function rate(number) {
  return number === 0 ? "0" : number < 10 ? number.toFixed(1) : short(number);
}

function gaps(number) {
  return number === 0 ? "0" : make("span", { className: "state state-gaps" }, count(number));
}
