/** Channels: what there is on the server, how busy it is, and a look into each. */
import { make } from "../core/dom.js";
import { ago, bytes, count, counted, short } from "../core/format.js";
import { plain } from "../log/ansi.js";
import { Pager } from "../ui/pager.js";
import { Pane } from "../ui/pane.js";
import { spark, Table } from "../ui/table.js";
import { channelParts } from "./channel-drawer.js";

const EVERY_MS = 2_000;
const SPARK = 30; // reads: a minute
const PAGE = 200;

export class ChannelsPage extends Pane {
  #filter = make("input", { type: "search", placeholder: "Find a channel", "aria-label": "Find a channel" });
  #pager = new Pager(PAGE);
  #table;
  #known = new Map(); // name → {at, offset, rates}
  #rows = [];
  #isPart = false;

  constructor(app) {
    super(app, { title: "Channels", every: EVERY_MS });
    const dash = (value, show) => (value === undefined || value === null ? "–" : show(value));
    this.#table = new Table(
      [
        { key: "name", by: "name", title: "Channel", small: true, show: (row) => plain(row.name), sort: (row) => row.name },
        { key: "rate", by: "rate", title: "Messages/s", number: true, small: true, show: (row) => dash(row.rate, rate), sort: (row) => row.rate ?? -1 },
        { key: "spark", by: "rate", title: "Last minute", show: (row) => (row.rates.length > 1 ? spark(row.rates) : ""), sort: (row) => row.rate ?? -1 },
        { key: "bytes", by: "bytes_rate", title: "Bytes/s", number: true, show: (row) => dash(row.bytes_rate, (number) => bytes(Math.round(number))), sort: (row) => row.bytes_rate ?? -1, hint: "Payload that came, where somebody subscribes" },
        { key: "clients", by: "num_clients", title: "Subscribers", number: true, show: (row) => count(row.num_clients), sort: (row) => row.num_clients },
        { key: "gaps", by: "gaps", title: "Gaps", number: true, show: (row) => dash(row.gaps, gaps), sort: (row) => row.gaps ?? -1, hint: "How often a subscriber was told that publications are gone" },
        { key: "kept", title: "History", number: true, show: (row) => dash(row.kept, short), sort: (row) => row.kept ?? -1, hint: "Publications that the server keeps" },
        { key: "head", title: "Head", number: true, show: (row) => dash(row.offset, count), sort: (row) => row.offset ?? -1, hint: "Offset of the newest publication" },
        { key: "last", by: "last", title: "Last", number: true, small: true, show: (row) => dash(row.last, (seconds) => ago(Date.now() - seconds * 1_000)), sort: (row) => row.last ?? -1, hint: "When the newest publication came" },
      ],
      (row) => row.name,
      { label: "Channels", sort: "rate", limit: PAGE },
    );
    this.tools.append(this.#pager.element, this.#filter);
    this.body.append(this.#table.element);
    this.#filter.oninput = () => this.#restart();
    this.#table.onSort = () => this.#restart();
    this.#pager.onTurn = () => this.again();
    this.#table.onOpen = (row) => this.openDrawer(plain(row.name), ...channelParts(app, row));
  }

  async refresh() {
    const asked = this.#asked;
    const { channels, total = 0, cursor } = await this.app.api.call("channels", JSON.parse(asked));
    if (asked !== this.#asked) return; // something else is asked for meanwhile
    if (Object.keys(channels).length === 0 && !this.#pager.isFirst) return this.#restart(); // they went
    const now = Date.now();
    const names = Object.keys(channels);
    this.#pager.show(names.length, counted(total, "channel"), cursor);
    this.#isPart = !this.#pager.isFirst || cursor !== undefined;
    for (const name of this.#known.keys()) if (this.#known.size > 2 * PAGE && !(name in channels)) this.#known.delete(name);
    this.#rows = names.map((name) => ({ name, ...channels[name], ...this.#rateOf(name, channels[name], now) }));
    this.#paint();
  }

  get #asked() {
    const words = this.#filter.value.trim();
    const pattern = words ? { pattern: `*${words.replace(/[[\]{}*?]/g, "?")}*` } : {};
    return JSON.stringify({ all: true, counters: true, limit: PAGE, ...this.#table.order, ...pattern, cursor: this.#pager.cursor });
  }

  #restart() {
    this.#pager.restart();
    this.#paint();
    this.again();
  }

  /** How much comes, and what that was in the last minute. Where nobody subscribes only the offset tells. */
  #rateOf(name, { rate: said, offset }, now) {
    const known = this.#known.get(name) ?? { at: now, offset, rates: [] };
    const seconds = (now - known.at) / 1_000;
    if (said !== undefined) known.rates.push(said);
    // A clock that was set back makes no rate; the next reading does.
    else if (offset !== undefined && seconds > 0) known.rates.push(Math.max(0, (offset - known.offset) / seconds));
    while (known.rates.length > SPARK) known.rates.shift();
    this.#known.set(name, { ...known, at: now, offset });
    return { rate: known.rates.at(-1), rates: known.rates };
  }

  #paint() {
    const words = this.#filter.value.trim().toLowerCase();
    const rows = this.#rows.filter(({ name }) => name.toLowerCase().includes(words));
    if (rows.length === 0 && words) return this.say("No channel of that name.", "A name is found by any part of it.");
    if (rows.length === 0) return this.say("There is no channel yet.", "A channel is there from its first publication or subscriber on. This page updates by itself.");
    this.say("");
    this.#table.paint(rows, this.#isPart);
  }
}

function rate(number) {
  return number === 0 ? "0" : number < 10 ? number.toFixed(1) : short(number);
}

function gaps(number) {
  return number === 0 ? "0" : make("span", { className: "state state-gaps" }, count(number));
}
