/** Tiles of the board: each takes publications of its channel, and paints what it knows. */
import { make } from "../core/dom.js";
import { ago, bytes, count, duration } from "../core/format.js";
import { inline } from "../core/json.js";
import { readTime } from "../core/time.js";
import { plain } from "../log/ansi.js";
import { hueOf } from "../log/row.js";
import { fieldsOf, isPlain, pageOf, toShape, valueAt } from "../log/shape.js";
import { shown } from "../log/text.js";
import { page } from "../ui/detail.js";
import { dialog } from "../ui/layers.js";
import { spark } from "../ui/table.js";
import { fill, languageOf } from "./derive.js";

const SPARK = 60;
const LATEST_FIELDS = 6;

/** @typedef {{data: any, at: number}} Item `at`: milliseconds since 1970 */

class Tile {
  /** @param {import("./derive.js").Tile} config */
  constructor(config) {
    this.config = config;
    this.at = 0; // of the newest that said when, or came live
    this.hasTaken = false;
    this.age = make("span", { className: "age muted" });
    this.body = make("div", { className: "tile-body" });
    this.element = make("article", { className: `tile tile-${config.tile}` }, make("header", {}, make("h3", {}, plain(config.label ?? config.field ?? config.channel)), this.age), this.body);
    this.element.style.setProperty("--wide", String(config.wide ?? 4));
  }

  /** @param {Item} item */
  take(item) {
    this.at = Math.max(this.at, item.at);
    this.hasTaken = true;
    this.accept(item);
  }

  tick(now) {
    this.age.textContent = this.at ? ago(now - this.at) : this.hasTaken ? "" : "waiting…";
    const { idle_after: seconds } = this.config;
    this.element.classList.toggle("idle", Boolean(seconds && this.at && now - this.at > seconds * 1_000));
    this.paint(now);
  }

  /** @param {Item} item */
  accept(item) {}

  /** @param {number} now */
  paint(now) {}
}

class NumberTile extends Tile {
  #values = [];
  #painted = -1;

  accept({ data }) {
    const value = valueAt(data, this.config.field);
    if (typeof value !== "number" && typeof value !== "object") return;
    this.#values.push(value);
    if (this.#values.length > SPARK) this.#values.shift();
    this.#painted = -1;
  }

  paint() {
    const value = this.#values.at(-1);
    if (this.#painted === value || value === undefined) return;
    this.#painted = value;
    const { unit, warn_above: warn = Infinity, bad_above: bad = Infinity } = this.config;
    const text = unit === "bytes" ? bytes(value) : unit === "duration" ? duration(value * 1_000) : unit === "percent" ? `${count(value)} %` : count(value);
    const change = Number(value) - Number(this.#values[0]);
    const words = make("strong", { className: value > bad ? "bad" : value > warn ? "warn" : "" }, text);
    const moved = this.#values.some((each) => each !== value);
    this.body.replaceChildren(words, make("span", { className: "muted change" }, moved && change ? `${change > 0 ? "+" : "−"}${count(Math.abs(change))}` : ""), moved ? spark(this.#values.map(Number), { width: 100, height: 24 }) : "");
  }
}

class LatestTile extends Tile {
  accept({ data }) {
    const shape = toShape(data);
    const chosen = this.config.fields?.map((path) => [path.replace(/^data\./, ""), valueAt(data, path)]) ?? fieldsOf(data, shape.message);
    const rows = chosen.filter(([, value]) => value !== undefined).slice(0, LATEST_FIELDS);
    this.body.replaceChildren(
      make("p", { className: "headline" }, shown(this.config.fields ? shape.logger : shape.message || shape.logger)),
      make("dl", { className: "facts" }, ...rows.flatMap(([name, value]) => [make("dt", {}, shown(name)), make("dd", {}, shown(inline(value).slice(0, 300)))])));
  }
}

/** What a worker is doing: the kind of work, on what, and how far it is. */
class ActivityTile extends Tile {
  accept({ data }) {
    const { logger, message } = toShape(data);
    const inner = isPlain(data.data) ? data.data : data;
    const target = inner.target ?? inner.name ?? inner.function ?? inner.entity ?? message;
    const where = [inner.repo ?? inner.repository, inner.file ?? inner.file_path ?? inner.path].filter((each) => typeof each === "string");
    const [index, of] = [Number(inner.index), Number(inner.of ?? inner.total)];
    const progress = index > 0 && of > 0 ? make("progress", { value: index, max: of, "aria-label": `${count(index)} of ${count(of)}` }) : "";
    this.body.replaceChildren(
      make("p", { className: "headline" }, make("span", { className: `verb hue-${hueOf(logger)}` }, shown(logger.replaceAll("_", " "))), " ", shown(String(target ?? ""))),
      make("p", { className: "muted" }, shown(where.join(" · "))),
      progress, progress ? make("span", { className: "muted" }, `${count(index)} of ${count(of)}`) : "");
  }
}

class CountdownTile extends Tile {
  #until = null;
  #running = false;

  accept({ data, at }) {
    const { field } = this.config;
    this.#running = !field && data.type === "cycle_starting"; // what was waited for has begun
    const inner = isPlain(data.data) ? data.data : data;
    const found = field ? valueAt(data, field) : (inner.time ?? inner.next_run ?? inner.next_cycle ?? inner.next_cycle_at ?? inner.scheduled_for ?? inner.at);
    const seconds = Number(inner.in_seconds ?? inner.seconds ?? inner.delay ?? inner.wait_seconds ?? inner.sleep_seconds);
    if (this.#running) return void (this.#until = at);
    this.#until = readTime(found) ?? (seconds >= 0 ? at + seconds * 1_000 : null);
  }

  paint(now) {
    if (this.#until === null) return;
    const left = this.#until - now;
    const words = this.#running ? "running" : left <= 0 ? "due" : left < 3_600_000 ? clockOf(left) : duration(left);
    if (this.body.textContent !== words) this.body.replaceChildren(make("strong", { className: left <= 0 ? "muted" : "" }, words));
  }
}

class BreakdownTile extends Tile {
  #counts = new Map();
  #isDirty = false;

  accept({ data }) {
    const { field, by } = this.config;
    this.#isDirty = true;
    if (field) {
      const value = valueAt(data, field);
      if (isPlain(value)) this.#counts = new Map(Object.entries(value).filter(([, each]) => typeof each === "number"));
      return;
    }
    const inner = isPlain(data.data) ? data.data : data;
    const name = by === "language" ? languageOf(inner) : valueAt(data, by);
    if (typeof name === "string" && this.#counts.size < 1_000) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  paint() {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const all = [...this.#counts].sort((one, other) => other[1] - one[1]);
    const top = all.slice(0, this.config.top ?? 8);
    const rest = all.slice(top.length).reduce((sum, [, number]) => sum + number, 0);
    if (rest > 0) top.push([`${all.length - top.length} others`, rest]);
    const most = Math.max(1, ...top.map(([, number]) => number));
    this.body.replaceChildren(make("ul", { className: "bars" }, ...top.map(([name, number]) => {
      const bar = make("span", { className: "bar-fill", "aria-hidden": "true" });
      bar.style.width = `${(number / most) * 100}%`;
      return make("li", {}, make("span", { className: "name" }, shown(name)), make("span", { className: "bar-track" }, bar), make("span", { className: "number" }, count(number)));
    })));
  }
}

class FeedTile extends Tile {
  #items = [];
  #isDirty = false;

  accept(item) {
    this.#items.unshift(item);
    this.#items.length = Math.min(this.#items.length, this.config.limit ?? 30);
    this.#isDirty = true;
  }

  paint(now) {
    if (!this.#isDirty && now % 5_000 > 1_000) return;
    this.#isDirty = false;
    this.body.replaceChildren(make("ol", { className: "feed" }, ...this.#items.map((item) => this.#entry(item, now))));
  }

  #entry({ data, at }, now) {
    const shape = toShape(data);
    const inner = isPlain(data.data) ? data.data : data;
    const title = this.config.title ? fill(this.config.title, (path) => valueAt(data, path)) : String(inner.qualified ?? inner.name ?? inner.target ?? shape.message);
    const meta = this.config.meta ? fill(this.config.meta, (path) => valueAt(data, path)) : [inner.repo ?? inner.repository, inner.file ?? inner.file_path].filter((each) => typeof each === "string").join(" · ");
    const text = pageOf(data);
    const name = text === null ? make("span", { className: "name" }, shown(title)) : make("button", { type: "button", className: "name link", onclick: () => dialog(plain(title), page(text), { wide: true }) }, shown(title));
    return make("li", {}, name, make("span", { className: "muted meta" }, shown(meta)), make("time", { className: "muted" }, ago(now - at)));
  }
}

class StatesTile extends Tile {
  #states = new Map();

  accept({ data }) {
    const { key = "name", state = "state", colours = {} } = this.config;
    const name = valueAt(data, key);
    if (name === undefined || this.#states.size >= 200) return;
    this.#states.set(String(name), String(valueAt(data, state) ?? ""));
    const colour = (value) => colours[value] ?? (/err|fail|down|crit/i.test(value) ? "error" : /warn|slow|retry/i.test(value) ? "warning" : "success");
    this.body.replaceChildren(make("ul", { className: "states" }, ...[...this.#states].map(([each, value]) => make("li", { className: `is-${colour(value)}` }, shown(each), " ", make("span", { className: "muted" }, shown(value))))));
  }
}

class ChartTile extends Tile {
  #series = new Map();

  accept({ data }) {
    for (const path of this.config.fields ?? [this.config.field]) {
      const value = valueAt(data, path);
      if (typeof value !== "number") continue;
      const known = this.#series.get(path) ?? [];
      known.push(value);
      if (known.length > 300) known.shift();
      this.#series.set(path, known);
    }
  }

  paint() {
    this.body.replaceChildren(...[...this.#series].map(([path, values]) => make("div", { className: "series" }, make("span", { className: "muted" }, shown(path)), spark(values, { width: 260, height: 48 }), make("strong", {}, count(values.at(-1))))));
  }
}

const KINDS = { number: NumberTile, latest: LatestTile, activity: ActivityTile, countdown: CountdownTile, breakdown: BreakdownTile, feed: FeedTile, states: StatesTile, chart: ChartTile };

/** @param {import("./derive.js").Tile} config @returns {Tile|null} null: of a kind that is not known */
export function toTile(config) {
  const Kind = KINDS[config.tile];
  return Kind ? new Kind(config) : null;
}

function clockOf(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
