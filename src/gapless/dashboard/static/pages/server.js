/** Server: its nodes, their numbers, and whether any of them is a reason to worry. */
import { make } from "../core/dom.js";
import { ago, bytes, count, duration, short } from "../core/format.js";
import { plain } from "../log/ansi.js";
import { Pane } from "../ui/pane.js";
import { spark } from "../ui/table.js";

const EVERY_MS = 2_000;
const SPARK = 60;
const WORRYING = /(^|_)(dropped|lost|refused|stalled|stuck|errors|gaps|overload|bad|failed)/;

export class Server extends Pane {
  #before = new Map(); // node → {at, items, rates}

  constructor(app) {
    super(app, { title: "Server", every: EVERY_MS });
  }

  async refresh() {
    const { nodes } = await this.app.api.call("info");
    await this.app.watching.askForSources();
    this.say("");
    const open = new Set([...this.body.querySelectorAll("details")].filter((details) => details.open).map((details) => details.dataset.key));
    const focused = document.activeElement?.closest?.("summary")?.parentElement.dataset.key;
    const { watching, session } = this.app;
    this.body.replaceChildren(sourcesTable(watching.sources), ...nodes.map((node) => this.#node(node, open)), limits(session?.limits, open));
    if (focused !== undefined) [...this.body.querySelectorAll("summary")].find((summary) => summary.parentElement.dataset.key === focused)?.focus();
  }

  #node(node, open) {
    const now = Date.now();
    const items = node.metrics?.items ?? {};
    const known = this.#before.get(node.uid) ?? { at: now, items, rates: new Map() };
    const seconds = (now - known.at) / 1_000;
    const rateOf = (name) => {
      const rates = known.rates.get(name) ?? [];
      if (seconds > 0) rates.push(Math.max(0, (items[name] - (known.items[name] ?? items[name])) / seconds));
      while (rates.length > SPARK) rates.shift();
      known.rates.set(name, rates);
      return rates;
    };
    const rows = Object.entries(items).map(([name, value]) => ({ name, value: Number(value), rates: rateOf(name) }));
    this.#before.set(node.uid, { at: now, items, rates: known.rates });
    const numbers = [
      ["Uptime", duration(node.uptime * 1_000)],
      ["Connections", count(node.num_clients)],
      ["Users", count(node.num_users)],
      ["Channels", count(node.num_channels)],
      ["Subscriptions", count(node.num_subs)],
      ["Memory", node.process?.rss ? bytes(node.process.rss) : "–"],
    ];
    const tiles = make("dl", { className: "numbers" }, ...numbers.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
    const worrying = rows.filter(({ name, value }) => WORRYING.test(name) && value > 0);
    const worries = worrying.length ? counters(worrying) : make("p", { className: "fine" }, "✔ Nothing was refused, dropped or lost.");
    const rest = rows.filter((row) => !worrying.includes(row) && row.value > 0);
    const all = make("details", { open: open.has(node.uid) }, make("summary", {}, `All counters that are not zero (${rest.length})`), counters(rest));
    all.dataset.key = node.uid;
    return make("article", { className: "node" }, make("h3", {}, plain(node.name), make("span", { className: "muted" }, ` version ${plain(node.version)}`)), tiles, make("h4", {}, "Refused, dropped, lost"), worries, all);
  }
}

/** Who feeds the hub, those that are in trouble first. */
function sourcesTable(sources) {
  const now = Date.now() / 1_000;
  const rank = ({ state }) => ["down", "retrying", "idle", "up"].indexOf(state);
  const rows = sources.toSorted((one, other) => rank(one) - rank(other) || (one.source < other.source ? -1 : 1)).slice(0, 200);
  const line = ({ source, channel, via, state, last_seen: seen, rows: number, dropped, error }) =>
    make("tr", {}, make("th", { scope: "row" }, plain(source || "no name")), make("td", {}, make("span", { className: `state state-${state}` }, state)), make("td", {}, plain(channel)), make("td", {}, plain(via)), make("td", { className: "number" }, count(number)), make("td", {}, seen ? ago((now - seen) * 1_000) : ""), make("td", { className: "number" }, dropped ? `${count(dropped)} dropped` : ""), make("td", {}, plain(error ?? "")));
  const head = ["Source", "State", "Channel", "By", "Lines", "Last", "Dropped", "Error"].map((words) => make("th", { scope: "col" }, words));
  const table = rows.length ? make("table", { className: "plain" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows.map(line))) : make("p", { className: "muted" }, "Nothing feeds this hub from outside its processes, or it does not say.");
  return make("section", { className: "node" }, make("h3", {}, "Sources"), table);
}

function limits(values, open) {
  const rows = Object.entries(values ?? {}).map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name.replaceAll("_", " ")), make("td", { className: "number" }, value === null ? "none" : typeof value === "number" ? count(value) : String(value))));
  const details = make("details", { open: open.has("limits"), hidden: rows.length === 0 }, make("summary", {}, "Limits in effect"), make("table", { className: "plain" }, make("tbody", {}, ...rows)));
  details.dataset.key = "limits";
  return make("article", { className: "node" }, details);
}

function counters(rows) {
  const lines = rows.map(({ name, value, rates }) => make("tr", {}, make("th", { scope: "row" }, name.replaceAll("_", " ")), make("td", { className: "number" }, count(value)), make("td", { className: "number" }, rates.at(-1) ? `${short(rates.at(-1))}/s` : ""), make("td", {}, rates.some((rate) => rate > 0) ? spark(rates) : "")));
  return make("table", { className: "plain" }, make("tbody", {}, ...lines));
}
