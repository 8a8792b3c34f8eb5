/** The histogram above the list: rows by time and level on a canvas with its axes, gaps hatched, a range to drag. */
import { make } from "../core/dom.js";
import { count, counted, duration } from "../core/format.js";
import { clock, day } from "../core/time.js";
import { BUCKETS, countRows, fittingRange, RANGES } from "./histogram.js";
import { LEVELS } from "./levels.js";

const LEAST_MS = 250; // between two counts
const NAMES = { 60_000: "1 m", 300_000: "5 m", 900_000: "15 m", 3_600_000: "1 h", 21_600_000: "6 h", 86_400_000: "24 h" };

export class Chart {
  /** @type {(from: number|null, to: number|null) => void} milliseconds since 1970 */
  onRange = () => {};
  /** @type {(time: number) => void} */
  onJump = () => {};
  onClear = () => {};
  /** It is to be painted anew. */
  onResize = () => {};
  /** @type {(histogram: import("./histogram.js").Histogram) => void} */
  onTable = () => {};
  #store;
  #view;
  #canvas = make("canvas", { className: "chart-canvas" });
  #words = make("span", { className: "chart-words" });
  #choice = make("select", { className: "chart-range", "aria-label": "Range of the histogram" });
  #axes = Object.fromEntries(["most", "first", "last"].map((name) => [name, make("span", { className: `chart-axis chart-${name}`, "aria-hidden": "true" })]));
  #drag = null;
  #hovered = null; // bucket under the pointer
  #dueAt = 0;
  #histogram = null;
  #shown = null; // of the rows that pass the filter
  #known = "";

  /** @param {HTMLElement} element where it stands */
  constructor(element, store, view) {
    this.#store = store;
    this.#view = view;
    this.#choice.append(make("option", { value: "0" }, "all"), ...RANGES.map((range) => make("option", { value: String(range) }, NAMES[range])));
    this.#choice.onchange = () => this.#paint(true);
    const table = make("button", { type: "button", className: "chart-table", title: "These numbers as a table", "aria-label": "Lines by time as a table", onclick: () => (this.#paint(true), this.onTable(this.#histogram)) }, "▦");
    const caption = make("div", { className: "chart-caption" }, this.#words, this.#choice, table);
    this.#canvas.setAttribute("role", "img");
    this.element = element;
    element.append(this.#canvas, caption, ...Object.values(this.#axes));
    this.#canvas.addEventListener("pointerdown", (event) => this.#onDown(event));
    this.#canvas.addEventListener("pointermove", (event) => this.#onMove(event));
    this.#canvas.addEventListener("pointerup", (event) => this.#onUp(event));
    this.#canvas.addEventListener("dblclick", () => this.onClear());
    this.#canvas.addEventListener("pointerleave", () => this.#hover(null));
    new ResizeObserver(() => this.#onResize()).observe(this.#canvas);
  }

  #onResize() {
    this.#dueAt = 0;
    this.#known = "";
    this.onResize();
  }

  /** Count and draw, if it is time to: counting may take a twentieth of it. */
  refresh(now = performance.now()) {
    if (this.element.hidden || now < this.#dueAt) return;
    this.#paint(false);
    this.#dueAt = performance.now() + Math.max(LEAST_MS, 20 * (performance.now() - now));
  }

  #paint(force) {
    const { from, to } = this.#range();
    const known = `${from} ${to} ${this.#store.size} ${this.#store.nextKey} ${this.#view.shape} ${this.#view.rows}`;
    if (!force && known === this.#known) return;
    this.#known = known;
    const all = this.#store.segments.map((segment) => ({ segment, indices: null }));
    this.#histogram = countRows(all, from, to);
    this.#shown = this.#view.matcher ? countRows(this.#view.parts(), from, to) : this.#histogram;
    this.#label();
    this.#draw();
  }

  #draw() {
    draw(this.#canvas, this.#histogram, this.#shown, this.#marks(), this.#drag, this.#hovered);
    this.#describe();
  }

  #range() {
    const { segments } = this.#store;
    const last = Math.min(Math.max(...segments.map((segment) => segment.lastTime), -Infinity), Date.now() + 60_000);
    const first = Math.min(...segments.map((segment) => segment.firstTime), Infinity);
    const end = Number.isFinite(last) ? last : Date.now();
    const chosen = Number(this.#choice.value);
    const range = chosen || (Number.isFinite(first) ? fittingRange(first, end) : RANGES[0]);
    const width = range / BUCKETS;
    const to = Math.ceil((end + 1) / width) * width; // so that the buckets stand still while time goes on
    return { from: to - range, to };
  }

  #marks() {
    const gaps = this.#view.marks.filter(({ gap }) => gap);
    return gaps.map(({ gap, before }) => this.#timeOf(before) ?? gap.time).filter(Number.isFinite);
  }

  #timeOf(key) {
    const place = this.#store.find(key) ?? this.#store.find(key - 1);
    return place ? place.segment.time[place.index] : null;
  }

  #timeAt(event) {
    const box = this.#canvas.getBoundingClientRect();
    const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    return this.#histogram.from + share * (this.#histogram.to - this.#histogram.from);
  }

  #onDown(event) {
    if (event.button !== 0) return;
    this.#paint(true); // what is dragged over is what is there now
    this.#canvas.setPointerCapture(event.pointerId);
    this.#drag = { from: this.#timeAt(event), to: this.#timeAt(event), x: event.clientX };
  }

  #onMove(event) {
    if (!this.#histogram) return;
    if (this.#drag) this.#drag.to = this.#timeAt(event);
    this.#hover(this.#timeAt(event));
  }

  /** @param {number|null} time null: nothing is pointed at */
  #hover(time) {
    if (!this.#histogram) return;
    const { from, width } = this.#histogram;
    this.#hovered = time === null ? null : Math.max(0, Math.min(BUCKETS - 1, Math.floor((time - from) / width)));
    this.#draw();
  }

  #onUp(event) {
    if (!this.#drag) return;
    const { from, to, x } = this.#drag;
    this.#drag = null;
    if (Math.abs(event.clientX - x) < 4) this.onJump(to);
    else this.onRange(Math.min(from, to), Math.max(from, to));
    this.#paint(true);
  }

  /** The axes: from when to when, and how many lines the highest bar stands for. */
  #label() {
    const { from, to, width, total, most } = this.#histogram;
    const date = (time) => (day(time) === day(Date.now()) ? "" : `${day(time)} `);
    const { first, last, most: highest } = this.#axes;
    first.textContent = total ? `${date(from)}${this.#clock(from)}` : "";
    last.textContent = total ? `${day(to) === day(from) ? "" : date(to)}${this.#clock(to)}` : "";
    const wide = width < 1_000 ? `${width} ms` : duration(width);
    highest.textContent = total ? `max ${count(most)} in ${wide}` : "";
    this.#canvas.setAttribute("aria-label", `${counted(total, "line")} from ${date(from)}${this.#clock(from)} to ${date(to)}${this.#clock(to)}, at most ${count(most)} in ${wide}`);
  }

  /** What is pointed at: its times, and its lines by level, the worst first. */
  #describe() {
    const { from, width, counts, total } = this.#histogram;
    if (this.#hovered === null) return void (this.#words.textContent = total ? counted(total, "line") : "");
    const start = from + this.#hovered * width;
    const parts = LEVELS.map(({ name }, level) => [name, counts[this.#hovered * LEVELS.length + level]]).filter(([, number]) => number > 0);
    const lines = parts.reverse().map(([name, number]) => `${count(number)} ${name === "none" ? "without level" : name}`);
    this.#words.textContent = `${this.#clock(start)} – ${this.#clock(start + width)} · ${lines.join(" · ") || "nothing"}`;
  }

  /** As exact as the bars are wide. */
  #clock(time) {
    return clock(time).slice(0, this.#histogram.width < 1_000 ? 12 : 8);
  }
}

/** All rows faint, those that pass the filter on top of them. */
function draw(canvas, all, shown, marks, drag, hovered) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (width === 0) return;
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const colours = LEVELS.map(({ name }) => style.getPropertyValue(`--chart-${name}`) || "#888");
  if (hovered !== null) {
    pen.fillStyle = style.getPropertyValue("--raised");
    pen.fillRect(Math.round((hovered * width) / BUCKETS), 0, Math.ceil(width / BUCKETS), height);
  }
  if (all !== shown) {
    pen.globalAlpha = 0.25;
    bars(pen, all, all.most, colours, width, height);
    pen.globalAlpha = 1;
  }
  bars(pen, shown, all.most, colours, width, height);
  pen.fillStyle = style.getPropertyValue("--gap");
  for (const time of marks) {
    const x = Math.round(((time - all.from) / (all.to - all.from)) * width);
    for (let y = 0; y < height; y += 6) pen.fillRect(x, y, 2, 3);
  }
  if (!drag) return;
  const [from, to] = [drag.from, drag.to].sort((one, other) => one - other).map((time) => ((time - all.from) / (all.to - all.from)) * width);
  pen.globalAlpha = 0.18;
  pen.fillStyle = style.getPropertyValue("--accent");
  pen.fillRect(from, 0, to - from, height);
  pen.globalAlpha = 1;
}

function bars(pen, { counts }, most, colours, width, height) {
  const levels = colours.length;
  const buckets = counts.length / levels;
  const step = width / buckets;
  for (let level = 0; level < levels; level += 1) {
    pen.fillStyle = colours[level];
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      const number = counts[bucket * levels + level];
      if (number === 0) continue;
      let below = 0; // the worst stand at the bottom, where they are always in sight
      for (let other = level + 1; other < levels; other += 1) below += counts[bucket * levels + other];
      const bottom = (below / most) * (height - 1);
      const size = Math.max(1, (number / most) * (height - 1));
      pen.fillRect(Math.round(bucket * step), height - bottom - size, Math.max(1, Math.floor(step) - 1), size);
    }
  }
}
