/** A strip beside the scrollbar: where errors, warnings, hits and gaps are among all rows. */
import { make } from "../core/dom.js";
import { ERROR, WARNING } from "./levels.js";

const LEAST_MS = 500; // between two paints
const MAX_LOOKED_AT = 200_000; // rows; of more, every so-many-th segment alone

export class Minimap {
  /** @type {(share: number) => void} */
  onJump = () => {};
  #canvas = make("canvas", { className: "minimap", "aria-hidden": "true" });
  #dueAt = 0;

  constructor(parent) {
    parent.append(this.#canvas);
    this.#canvas.addEventListener("pointerdown", (event) => {
      const box = this.#canvas.getBoundingClientRect();
      this.onJump((event.clientY - box.top) / box.height);
    });
  }

  refresh(view, hits, isFinding, now = performance.now()) {
    const { clientHeight: height, clientWidth: width } = this.#canvas;
    if (now < this.#dueAt || height === 0) return;
    const style = getComputedStyle(this.#canvas);
    const ratio = devicePixelRatio || 1;
    this.#canvas.width = width * ratio;
    this.#canvas.height = height * ratio;
    const pen = this.#canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const worst = new Uint8Array(height);
    const length = Math.max(1, view.rows);
    const stride = Math.max(1, Math.ceil(length / MAX_LOOKED_AT));
    let before = 0;
    let number = 0;
    for (const { segment, indices } of view.parts()) {
      const rows = indices?.length ?? segment.count;
      number += 1;
      if (number % stride === 0 || stride === 1)
        for (let at = 0; at < rows; at += 1) {
          const level = segment.level[indices ? indices[at] : at];
          if (level < WARNING) continue;
          const y = Math.min(height - 1, Math.floor((view.numberOf(before + at) / length) * height));
          if (level > worst[y]) worst[y] = level;
        }
      before += rows;
    }
    for (let y = 0; y < height; y += 1)
      if (worst[y]) {
        pen.fillStyle = style.getPropertyValue(worst[y] >= ERROR ? "--chart-error" : "--chart-warning");
        pen.fillRect(worst[y] >= ERROR ? 0 : 4, y, worst[y] >= ERROR ? width : width - 4, 2);
      }
    const place = (key) => (view.ordinalOf(key) / Math.max(1, view.length)) * height;
    if (isFinding) this.#marks(pen, style.getPropertyValue("--hit"), [...this.#sample(hits)].map(place), width / 2, 2);
    this.#marks(pen, style.getPropertyValue("--gap"), view.marks.filter((mark) => mark.gap).map((mark) => place(mark.before)), width, 3);
    this.#dueAt = performance.now() + Math.max(LEAST_MS, 20 * (performance.now() - now));
  }

  *#sample(hits) {
    const step = Math.max(1, Math.floor(hits.rows / 1_000));
    for (let ordinal = 0; ordinal < hits.rows; ordinal += step) yield hits.at(ordinal).key;
  }

  #marks(pen, colour, places, width, height) {
    pen.fillStyle = colour;
    for (const y of places) pen.fillRect(0, y, width, height);
  }
}
