/** Server: who feeds it, what happens to it, its nodes and their numbers, and whether any is a reason to worry. */
import { make } from "../core/dom.js";
import { ago, bytes, count, duration, milliseconds, short } from "../core/format.js";
import { plain } from "../log/ansi.js";
import { Pane } from "../ui/pane.js";
import { sinceWords } from "../ui/status.js";
import { spark } from "../ui/table.js";
import { Notices } from "./server-notices.js";

const EVERY_MS = 2_000;
const SPARK = 60;
const SLOW_SECONDS = 0.1; // a loop that is so late is felt
const WORRYING = /(^|_)(dropped|lost|refused|stalled|stuck|errors|gaps|overload|bad|failed)/;

export class Server extends Pane {
  #before = new Map(); // node → {at, items, rates}
  #spent = new Map(); // node → {at, seconds, share}: processor time
  #notices = new Notices();
  #watch = null;
  #parts = make("div", { className: "server-parts" });

  constructor(app) {
    super(app, { title: "Server", every: EVERY_MS });
    this.body.append(this.#parts);
  }

  mount(parent) {
    const { watching } = this.app;
    if (watching.isLive) this.#watch = watching.notices((notice) => this.#notices.take(notice));
    super.mount(parent);
  }

  unmount() {
    this.#watch?.unsubscribe();
    this.#watch = null;
    super.unmount();
  }

  async refresh() {
    const { nodes } = await this.app.api.call("info");
    await this.app.watching.askForSources();
    this.say("");
    const open = new Set([...this.body.querySelectorAll("details")].filter((details) => details.open).map((details) => details.dataset.key));
    const focused = document.activeElement?.closest?.("summary")?.parentElement.dataset.key;
    const { watching, session } = this.app;
    const notices = this.#watch ? [this.#notices.element] : [];
    this.#parts.replaceChildren(sourcesTable(watching.sources), ...notices, ...nodes.map((node) => this.#node(node, open)), limits(session?.limits, open), configuration(session?.configuration, open));
    if (focused !== undefined) [...this.body.querySelectorAll("summary")].find((summary) => summary.parentElement.dataset.key === focused)?.focus();
  }

  #node(node, open) {
    const rows = this.#countersOf(node);
    const worrying = rows.filter(({ name, value }) => WORRYING.test(name) && value > 0);
    const worries = worrying.length ? counters(worrying, "Refused, dropped, lost") : make("p", { className: "fine" }, "✔ Nothing was refused, dropped or lost.");
    const rest = rows.filter((row) => !worrying.includes(row) && row.value > 0);
    const all = make("details", { open: open.has(node.uid) }, make("summary", {}, `All counters that are not zero (${rest.length})`), counters(rest, "All counters that are not zero"));
    all.dataset.key = node.uid;
    return make("article", { className: "node" }, make("h3", {}, plain(node.name), make("span", { className: "muted" }, ` version ${plain(node.version)}`)), this.#tiles(node), make("h4", {}, "Refused, dropped, lost"), worries, all);
  }

  #countersOf(node) {
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
    return rows;
  }

  #tiles(node) {
    const { time, nodes = [] } = this.app.watching.stats ?? {};
    const said = nodes.find(({ uid }) => uid === node.uid);
    const share = this.#shareOf(said, time);
    const lag = said?.loop_lag;
    /** @type {[string, string, (string|string[])?, string?, string?][]} */
    const numbers = [
      ["Uptime", duration(node.uptime * 1_000)],
      ["Connections", count(node.num_clients)],
      ["Users", count(node.num_users)],
      ["Channels", count(node.num_channels)],
      ["Subscriptions", count(node.num_subs)],
      ["Memory", node.process?.rss ? bytes(node.process.rss) : "–"],
      ["Processor", share === null ? "–" : `${Math.round(share * 100)} %`, share === null ? "" : "of one core"],
      ["Loop lag", lag ? milliseconds(lag.p99) : "–", lag ? ["99 of 100", `half ${milliseconds(lag.p50)}`, `longest ${milliseconds(lag.longest)}`] : "measured from now on", lag && lag.longest > SLOW_SECONDS ? "warn" : "", "For how long timers had to wait in the last minute, because others had their turn"],
    ];
    return make("dl", { className: "numbers" }, ...numbers.map(([name, value, more = "", kind = "", hint = ""]) => make("div", { title: hint }, make("dt", {}, name), make("dd", { className: kind }, value), ...[more].flat().filter(Boolean).map((words) => make("dd", { className: "more muted" }, words)))));
  }

  /** Of one core, between the two newest readings; null: nobody says. */
  #shareOf(said, time) {
    if (typeof said?.cpu_seconds !== "number") return null;
    const known = this.#spent.get(said.uid) ?? { at: time, seconds: said.cpu_seconds, share: null };
    if (time > known.at) known.share = Math.max(0, (said.cpu_seconds - known.seconds) / (time - known.at));
    Object.assign(known, { at: time, seconds: said.cpu_seconds });
    this.#spent.set(said.uid, known);
    return known.share;
  }
}

/** What is said of a source beside its name; what is said of none of them has no column. */
const SOURCE_COLUMNS = [
  { title: "State", always: true, isPlain: true, of: stateOf },
  { title: "Channel", of: ({ channel }) => plain(channel) },
  { title: "By", of: ({ via }) => plain(via) },
  { title: "Lines", className: "number", always: true, of: ({ rows }) => count(rows) },
  { title: "Last", className: "number", of: ({ last_seen: seen }, now) => (seen ? ago((now - seen) * 1_000) : "") },
  { title: "Dropped", className: "number", of: ({ dropped }) => (dropped ? count(dropped) : "") },
  { title: "Error", className: "error", of: ({ error }) => plain(error ?? "") },
];

function stateOf({ state, since }, now) {
  const isDown = since && ["down", "retrying"].includes(state);
  return make("span", { className: `state state-${state}` }, isDown ? `${state}${sinceWords({ since })} (${duration((now - since) * 1_000)})` : state);
}

function sourceLine(row, columns, now) {
  const cells = columns.map(({ title, of, className = "", isPlain }) => {
    const content = of(row, now);
    const cell = make("td", { className }, content);
    if (content !== "" && !isPlain) cell.dataset.title = title;
    return cell;
  });
  return make("tr", {}, make("th", { scope: "row" }, plain(row.source || "no name")), ...cells);
}

/** Who feeds the hub, those that are in trouble first. */
function sourcesTable(sources) {
  const now = Date.now() / 1_000;
  const rank = ({ state }) => ["down", "retrying", "idle", "up"].indexOf(state);
  const rows = sources.toSorted((one, other) => rank(one) - rank(other) || (one.source < other.source ? -1 : 1)).slice(0, 200);
  const columns = SOURCE_COLUMNS.filter(({ of, always }) => always || rows.some((row) => of(row, now) !== ""));
  const head = [make("th", { scope: "col" }, "Source"), ...columns.map(({ title, className = "" }) => make("th", { scope: "col", className }, title))];
  const table = rows.length ? make("table", { className: "plain stacks" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows.map((row) => sourceLine(row, columns, now)))) : make("p", { className: "muted" }, "Nothing feeds this hub from outside its processes, or it does not say.");
  const more = sources.length > rows.length ? make("p", { className: "muted" }, `and ${count(sources.length - rows.length)} more`) : "";
  return make("section", { className: "node sources-part" }, make("h3", {}, "Sources"), table, more);
}

function limits(values, open) {
  const rows = Object.entries(values ?? {}).map(([name, value]) => line([name.replaceAll("_", " ")], [said(value), "number"]));
  return folded("limits", "Limits in effect", rows, open);
}

/** What the server was told, and by whom: what somebody said comes first. */
function configuration(settings = [], open) {
  const told = settings.toSorted((one, other) => Number(one.origin === "default") - Number(other.origin === "default"));
  const rows = told.map(({ name, value, origin }) => line([plain(name)], [plain(said(value))], [origin, "muted"]));
  return folded("configuration", "Settings in effect, and who said them", rows, open);
}

function said(value) {
  if (value === null) return "none";
  if (Array.isArray(value)) return value.length ? value.join(", ") : "none";
  return typeof value === "number" ? count(value) : String(value);
}

function line([name], ...cells) {
  return make("tr", {}, make("th", { scope: "row" }, name), ...cells.map(([words, className = ""]) => make("td", { className }, words)));
}

function folded(key, title, rows, open) {
  const details = make("details", { open: open.has(key), hidden: rows.length === 0 }, make("summary", {}, title), make("table", { className: "plain", "aria-label": title }, make("tbody", {}, ...rows)));
  details.dataset.key = key;
  return make("article", { className: "node" }, details);
}

function counters(rows, label) {
  const lines = rows.map(({ name, value, rates }) => make("tr", {}, make("th", { scope: "row" }, name.replaceAll("_", " ")), make("td", { className: "number" }, count(value)), make("td", { className: "number" }, perSecond(rates.at(-1) ?? 0)), make("td", {}, rates.some((rate) => rate > 0) ? spark(rates) : "")));
  return make("table", { className: "plain", "aria-label": label }, make("tbody", {}, ...lines));
}

function perSecond(rate) {
  return rate < 0.05 ? "" : `${rate < 10 ? rate.toFixed(1) : short(rate)}/s`;
}
