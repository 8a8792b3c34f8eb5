/** The histogram as a table: for those who do not see it, and for exact numbers. */
import { make } from "../core/dom.js";
import { count } from "../core/format.js";
import { clock, day } from "../core/time.js";
import { LEVELS } from "../log/levels.js";
import { dialog } from "./layers.js";

/** @param {import("../log/histogram.js").Histogram} histogram @param {(time: number) => void} onJump */
export function openChartTable({ from, width, counts }, onJump) {
  const levels = LEVELS.map(({ name }, index) => ({ name, index })).filter(({ index }) => counts.some((number, at) => at % LEVELS.length === index && number > 0)).reverse();
  const head = make("tr", {}, ...["From", ...levels.map(({ name }) => (name === "none" ? "no level" : name))].map((words) => make("th", { scope: "col" }, words)));
  const rows = [];
  for (let bucket = 0; bucket < counts.length / LEVELS.length; bucket += 1) {
    const numbers = levels.map(({ index }) => counts[bucket * LEVELS.length + index]);
    if (numbers.every((number) => number === 0)) continue;
    const time = from + bucket * width;
    const go = make("button", { type: "button", className: "inline", title: "To the lines of then", onclick: () => (layer.close(), onJump(time)) }, `${day(time)} ${clock(time).slice(0, 8)}`);
    rows.push(make("tr", {}, make("th", { scope: "row" }, go), ...numbers.map((number) => make("td", { className: "number" }, number ? count(number) : ""))));
  }
  const body = rows.length ? make("table", { className: "plain" }, make("thead", {}, head), make("tbody", {}, ...rows)) : make("p", { className: "muted" }, "There are no lines in this range.");
  const layer = dialog("Lines by time and level", body, { wide: true });
}
