/** Board: the newest values of channels as tiles; configured, or derived from what the channels hold. */
import { connect } from "../client.js";
import { toTile } from "../board/tiles.js";
import { derive, kindOf } from "../board/derive.js";
import { make } from "../core/dom.js";
import { parse } from "../core/json.js";
import * as language from "../log/language.js";
import { Panel } from "../log/panel.js";
import { parseQuery } from "../log/query.js";
import { toShape } from "../log/shape.js";
import { toRow, toTest } from "../log/testing.js";
import { plain, shown } from "../log/text.js";

const MAX_CHANNELS = 12; // looked at
const HISTORY = 500; // publications of each, to begin with
const KEPT = 500; // of each, for tiles that are made later
const DERIVE_MS = 500; // between two looks at what could be shown

export class Board {
  title = "Board";
  #app;
  #hub = null;
  #panelHub = null;
  #grid = make("div", { className: "board-grid" });
  #notice = make("div", { className: "pane-notice" });
  #title = make("h2", { className: "board-title", hidden: true });
  #samples = new Map(); // channel → {name, kind, last, types: Map, items}
  #tiles = new Map(); // config as JSON → {tile, config, matches}
  #timers = [];
  #config = null;

  constructor(app) {
    this.#app = app;
    this.element = make("section", { className: "page pane board", "aria-label": "Board" }, this.#title, this.#notice, this.#grid);
  }

  async mount(parent) {
    parent.append(this.element);
    const options = { pace: 100, parse, pingEvery: 10_000, query: { name: this.#app.name } };
    this.#hub = connect(this.#app.base, options);
    this.#panelHub = connect(this.#app.base, options);
    this.#config = this.#app.session?.board ?? null;
    this.#title.textContent = plain(this.#app.session?.title ?? "");
    this.#title.hidden = this.#title.textContent === "";
    this.#look();
    this.#timers = [setInterval(() => this.#look(), DERIVE_MS), setInterval(() => this.#tick(), 250)];
  }

  unmount() {
    for (const timer of this.#timers) clearInterval(timer);
    this.#hub.close();
    this.#panelHub.close();
    this.#samples.clear();
    this.#tiles.clear();
    this.#grid.replaceChildren();
    this.element.remove();
  }

  /** New channels, new tiles. */
  #look() {
    for (const name of this.#wanted()) if (!this.#samples.has(name)) this.#watch(name);
    const samples = [...this.#samples.values()].filter(({ last, kind }) => last !== undefined || kind === "logs");
    const tiles = this.#config ?? derive(samples.map(({ name, kind, last, types }) => ({ name, kind, last, types: [...types.keys()] })));
    this.#arrange(tiles);
    this.#notice.hidden = tiles.length > 0;
    if (tiles.length === 0 && !this.#notice.firstChild) {
      this.#notice.append(make("h2", {}, "Nothing to show on a board yet."), make("p", {}, "Publish numbers to a channel named stats, and events {\"type\": …} to one named events: tiles appear by themselves."), make("pre", {}, 'hub.publish("app:stats", {"jobs": {"total": 81, "failed": 2}, "by_repo": {"core": 12}})'));
    }
  }

  #wanted() {
    if (this.#config) return [...new Set(this.#config.filter(({ tile }) => tile !== "log").map(({ channel }) => channel))];
    const { known } = this.#app.channels;
    const names = known.size > 0 ? [...known.keys()] : [...this.#app.live.panel.feed.channels.keys()];
    const rank = { stats: 0, events: 1, logs: 2 };
    return names.filter((name) => !name.startsWith("$")).toSorted((one, other) => rank[kindOf(one)] - rank[kindOf(other)] || (one < other ? -1 : 1)).slice(0, MAX_CHANNELS);
  }

  #watch(name) {
    const sample = { name, kind: kindOf(name), last: undefined, types: new Map(), items: [] };
    this.#samples.set(name, sample);
    if (sample.kind === "logs" && !this.#config) return; // the log tile reads it
    this.#hub.subscribe(name, ({ data, history }) => this.#take(sample, data, history), { history: HISTORY, onError: () => {} });
  }

  #take(sample, data, history) {
    const shape = toShape(data);
    const item = { data, at: shape.time ?? (history ? 0 : Date.now()) };
    sample.last = data;
    if (typeof data?.type === "string") sample.types.set(data.type, item);
    sample.items.push(item);
    if (sample.items.length > 2 * KEPT) sample.items.splice(0, KEPT);
    for (const entry of this.#tiles.values()) if (entry.config.channel === sample.name) this.#offer(entry, item);
  }

  #offer({ tile, matches }, item) {
    if (tile && (!matches || matches(toRow("", "", null, item.data)))) tile.take(item);
  }

  /** Keep the tiles that stay, in their order. */
  #arrange(configs) {
    const keys = configs.map((config) => JSON.stringify(config));
    for (const [key, entry] of this.#tiles) if (!keys.includes(key)) this.#drop(key, entry);
    configs.forEach((config, at) => {
      if (!this.#tiles.has(keys[at])) this.#tiles.set(keys[at], this.#make(config));
      const { element } = this.#tiles.get(keys[at]);
      if (this.#grid.children[at] !== element) this.#grid.insertBefore(element, this.#grid.children[at] ?? null);
    });
  }

  #drop(key, { element, panel, config }) {
    panel?.feed.turnOff(config.channel);
    element.remove();
    this.#tiles.delete(key);
  }

  #make(config) {
    if (config.tile === "log") return this.#log(config);
    const tile = toTile(config);
    if (!tile) return { config, tile: null, element: make("article", { className: "tile" }, `There is no tile named ${config.tile}.`) };
    const entry = { config, tile, element: tile.element, matches: config.where ? toTest(parseQuery(config.where)) : null };
    for (const item of this.#samples.get(config.channel)?.items ?? []) this.#offer(entry, item);
    for (const item of this.#samples.get(config.channel)?.types.values() ?? []) if (tile.at === 0) this.#offer(entry, item);
    tile.tick(Date.now());
    return entry;
  }

  #log(config) {
    const element = make("article", { className: "tile tile-log" }, make("header", {}, make("h3", {}, shown(config.label ?? config.channel)), make("a", { href: `#/live?ch=${encodeURIComponent(config.channel)}` }, "Open in Live")));
    element.style.setProperty("--wide", config.wide ?? 12);
    const panel = new Panel(element, { hub: this.#panelHub, base: this.#app.base, api: this.#app.api, history: 200, small: true, maxRows: 5_000, label: `Log lines of ${config.channel}` });
    panel.asking.use(language);
    if (config.query) panel.asking.setQuery(config.query);
    panel.onChange = () => panel.paintNewer();
    panel.feed.turnOn(config.channel);
    return { config, tile: null, element, panel };
  }

  #tick() {
    const now = Date.now();
    for (const { tile } of this.#tiles.values()) tile?.tick(now);
  }
}
