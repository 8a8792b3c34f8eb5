/** Channels: what there is on the server, how busy it is, and a look into each. */
import { copyText } from "../core/clipboard.js";
import { make } from "../core/dom.js";
import { count, short } from "../core/format.js";
import { parse, stringify } from "../core/json.js";
import { plain } from "../log/ansi.js";
import { toShape } from "../log/shape.js";
import { levelOf } from "../log/levels.js";
import { clock } from "../core/time.js";
import { nodesOf } from "../log/text.js";
import { Pane } from "../ui/pane.js";
import { spark, Table } from "../ui/table.js";
import { note } from "../ui/layers.js";

const EVERY_MS = 2_000;
const SPARK = 30; // reads: a minute
const PEEK = 20; // publications
const MAX_CHANNELS = 200; // in one answer

export class ChannelsPage extends Pane {
  #filter = make("input", { type: "search", placeholder: "Find a channel", "aria-label": "Find a channel" });
  #number = make("span", { className: "muted" });
  #table;
  #known = new Map(); // name → {at, published, rates}
  #rows = [];

  constructor(app) {
    super(app, { title: "Channels", every: EVERY_MS });
    const dash = (value, show) => (value === undefined || value === null ? "–" : show(value));
    this.#table = new Table(
      [
        { key: "name", title: "Channel", small: true, show: (row) => plain(row.name), sort: (row) => row.name },
        { key: "rate", title: "Messages/s", number: true, small: true, show: (row) => dash(row.rate, rate), sort: (row) => row.rate ?? -1 },
        { key: "spark", title: "Last minute", show: (row) => (row.rates.length > 1 ? spark(row.rates) : ""), sort: (row) => row.rate ?? -1 },
        { key: "clients", title: "Subscribers", number: true, small: true, show: (row) => count(row.num_clients), sort: (row) => row.num_clients },
        { key: "kept", title: "History", number: true, show: (row) => dash(row.kept, (kept) => short(kept)), sort: (row) => row.kept ?? -1, hint: "Publications that the server keeps" },
        { key: "head", title: "Head", number: true, show: (row) => dash(row.offset, count), sort: (row) => row.offset ?? -1, hint: "Offset of the newest publication" },
      ],
      (row) => row.name,
      { label: "Channels", sort: "rate" },
    );
    this.tools.append(this.#number, this.#filter);
    this.body.append(this.#table.element);
    this.#filter.oninput = () => this.#paint();
    this.#table.onSort = () => this.#paint();
    this.#table.onOpen = (row) => this.#open(row);
  }

  async refresh() {
    const words = this.#filter.value.trim();
    const { channels, total = 0 } = await this.app.api.call("channels", { all: true, counters: true, limit: MAX_CHANNELS, ...(words ? { pattern: `*${words.replace(/[[\]{}*?]/g, "?")}*` } : {}) });
    this.#number.textContent = total > MAX_CHANNELS ? `the ${count(MAX_CHANNELS)} with the most subscribers of ${count(total)}` : "";
    const now = Date.now();
    this.#rows = Object.entries(channels).map(([name, row]) => ({ name, ...row, ...this.#rateOf(name, row, now) }));
    this.#paint();
  }

  #rateOf(name, { published, offset }, now) {
    const number = published ?? offset;
    if (number === undefined) return { rates: [] };
    const known = this.#known.get(name) ?? { at: now, number, rates: [] };
    if (now > known.at) known.rates.push(Math.max(0, ((number - known.number) * 1_000) / (now - known.at)));
    while (known.rates.length > SPARK) known.rates.shift();
    Object.assign(known, { at: now, number });
    this.#known.set(name, known);
    return { rate: known.rates.at(-1), rates: known.rates };
  }

  #paint() {
    const words = this.#filter.value.trim().toLowerCase();
    const rows = this.#rows.filter(({ name }) => name.toLowerCase().includes(words));
    if (this.#rows.length === 0 && words) return this.say("No channel of that name.");
    if (this.#rows.length === 0) return this.say("There is no channel yet.", "A channel is there from its first publication or subscriber on.");
    this.say("");
    this.#table.paint(rows);
  }

  async #open(row) {
    const peek = make("ol", { className: "context" }, make("li", { className: "muted" }, "Reading…"));
    const live = make("button", { type: "button", onclick: () => (this.app.channels.only(row.name), (location.hash = `#/live?ch=${encodeURIComponent(row.name)}`)) }, "Open in Live");
    const body = stringify({ channel: row.name, data: { level: "info", message: "hello" } });
    const curl = `curl ${this.app.base.href}api/publish -H 'Content-Type: application/json' -d '${body.replaceAll("'", "'\\''")}'`;
    const copy = (label, text) => make("button", { type: "button", onclick: async () => note((await copyText(text)) ? "Copied" : "The browser does not let this page copy.") }, label);
    const quoted = `'${row.name.replaceAll("'", "'\\''")}'`;
    const facts = [["Subscribers", count(row.num_clients)], ["Head", row.offset === undefined ? "" : count(row.offset)], ["Epoch", row.epoch ?? ""], ["Kept", row.kept === undefined ? "" : count(row.kept)]].filter(([, value]) => value);
    this.openDrawer(plain(row.name),
      make("div", { className: "actions" }, live, copy("Copy curl", curl), copy("Copy tail", `gapless tail ${quoted} --url ${this.app.base.href}`)),
      make("dl", { className: "facts" }, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
      make("h3", {}, "Newest"), peek, this.#publisher(row.name));
    try {
      const { publications } = await this.app.api.call("history", { channel: row.name, limit: PEEK, reverse: true });
      peek.replaceChildren(...(publications.length ? publications.map(line) : [make("li", { className: "muted" }, "Nothing is kept.")]));
    } catch (error) {
      peek.replaceChildren(make("li", { className: "muted" }, error.code === 108 ? "This channel keeps no history." : error.message));
    }
  }

  #publisher(channel) {
    const field = make("textarea", { rows: 4, "aria-label": "What to publish", spellcheck: false, value: '{"level": "info", "message": "hello"}' });
    const problem = make("p", { className: "problem", role: "alert" });
    const send = async () => {
      problem.textContent = "";
      let data = field.value;
      try {
        data = parse(field.value);
      } catch {
        // Not JSON: it is published as text.
      }
      try {
        const { offset } = await this.app.api.call("publish", { channel, data });
        note(offset ? `Published as number ${offset}` : "Published");
      } catch (error) {
        problem.textContent = `${error.message} (${error.code})`;
      }
    };
    return make("div", { className: "publisher" }, make("h3", {}, "Publish"), field, make("button", { type: "button", onclick: send }, "Publish"), problem);
  }
}

function line({ data }) {
  const shape = toShape(data);
  const level = levelOf(shape.level);
  return make("li", {}, make("span", { className: "muted" }, shape.time === null ? "" : `${clock(shape.time)} `), make("span", { className: `level-mark level-${level.name}` }, level.letter), " ", ...nodesOf(shape.message.slice(0, 300)));
}

function rate(number) {
  return number === 0 ? "0" : number < 10 ? number.toFixed(1) : short(number);
}
