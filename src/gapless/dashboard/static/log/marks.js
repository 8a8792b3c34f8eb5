/** The lines between rows: gaps, returns, the start of what is kept. Each says what it knows and what can be done. */
import { make } from "../core/dom.js";
import { count, counted } from "../core/format.js";
import { moment } from "../core/time.js";
import { backWords, gapWords } from "./words.js";
import { shown } from "./text.js";

const GAPS = new Set(["lost", "unloaded", "restart", "feeder"]);

export function isGap(mark) {
  return GAPS.has(mark.kind);
}

/**
 * @typedef {import("./view.js").Mark} Mark
 * @param {Mark} mark
 * @param {{many: boolean, past: import("./past.js").Past, onLoad: (mark: Mark) => void, onOlder: () => void,
 *   onStop: () => void, onUndo: (mark: Mark) => void}} context
 * @returns {HTMLElement}
 */
export function toMark(mark, context) {
  const { kind } = mark;
  if (kind === "recovered") return markElement(kind, backWords(mark.entry));
  if (kind === "fresh") return markElement(kind, "new since you left");
  if (kind === "top") return top(mark, context);
  if (kind === "cleared") return markElement(kind, gapWords({ kind, count: mark.count }), action("Undo", () => context.onUndo(mark)));
  const name = context.many ? [make("strong", {}, shown(mark.gap.channel)), " "] : [];
  const element = markElement(kind, ...name, gapWords(mark.gap));
  if (kind === "unloaded") {
    const label = mark.loading ? "Stop" : mark.gap.reason === "behind" ? "Fetch" : "Load";
    element.firstElementChild.append(action(label, () => context.onLoad(mark)));
  }
  element.title = placeOf(mark.gap);
  return element;
}

/** What is above the first row. */
/** @param {Mark} mark @param {any} context */
function top({ start }, { past, onOlder, onStop }) {
  const { older, busy, error } = past;
  if (error) return markElement("top", `Older lines could not be loaded: ${error}`, action("Try again", onOlder));
  if (busy) return markElement("top busy", `Loading… ${counted(older, "older line")} on the server`, action("Stop", onStop));
  if (older > 0 && !past.hasRoom) return markElement("top", `${counted(older, "older line")} on the server. This page is full: it keeps no more at once.`);
  if (older > 0) return markElement("top", `${counted(older, "older line")} on the server`, action("Load", onOlder));
  return markElement("top", start === null ? "Start of history" : `Start of history: ${moment(start)}`);
}

function placeOf({ channel, epoch, from, to }) {
  if (from === null) return channel;
  return `${channel}, ${to === null ? `from offset ${count(from)}` : `offsets ${from}–${to}`}, epoch ${epoch}`;
}

function action(label, onclick) {
  return make("button", { type: "button", className: "inline", onclick }, label);
}

/** A line between the rows. */
function markElement(kind, ...children) {
  return make("div", { className: `mark-row ${kind}`, role: "row" }, make("span", { role: "gridcell" }, ...children));
}
