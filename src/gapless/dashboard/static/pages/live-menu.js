/** What else can be done with the list: look, copy, save. */
import { copyText } from "../core/clipboard.js";
import { make } from "../core/dom.js";
import * as settings from "../core/settings.js";
import { MODES, parseTime } from "../core/time.js";
import { toText } from "../log/copying.js";
import { openHelp } from "../ui/help.js";
import { dialog, menuBeside } from "../ui/layers.js";
import { note } from "../ui/note.js";
import { late } from "../ui/late.js";
import { openSettings } from "../ui/settings.js";

const VIEWS = () => import("../ui/views.js");

/** @param {import("./live.js").Live} live */
export function openMenu(live, anchor) {
  const { panel } = live;
  /** @type {(name: string, words: string) => [string, () => void, string]} */
  const toggle = (name, words) => [words, () => settings.set(name, !settings.get(name)), settings.get(name) ? "on" : "off"];
  /** @type {Parameters<typeof menuBeside>[1]} */
  const items = [
    toggle("wrap", "Wrap long lines"),
    toggle("fold", "Fold repeated lines"),
    toggle("fields", "Fields in the lines"),
    ["Order", () => sort(panel), panel.view.isSorted ? "by time" : "as they arrived"],
    ["Facets", () => live.toggleFacets(), live.showsFacets ? "on" : "off"],
    toggle("histogram", "Histogram"),
    toggle("colours", "ANSI colours"),
    ["Time", () => settings.cycle("time", MODES), settings.get("time")],
    ["Density", () => settings.cycle("density", ["compact", "normal", "roomy"]), settings.get("density")],
    null,
    ["Go to a time…", () => goToTime(live)],
    ["Go to the oldest line", () => (panel.follow.pause("scrolled"), panel.list.reveal(0)), "g"],
    ["Search all that the server keeps", () => live.searchOlder(), "s"],
    ["Clear the view", () => panel.asking.clear()],
    ["Save this view…", async () => (await late(VIEWS))?.openSaveView()],
    ["Saved views…", async () => (await late(VIEWS))?.openViews()],
    null,
    ["Copy the lines of this view", () => copyAll(live)],
    ["Save lines…", () => live.saveLines()],
  ];
  items.push(null, ["Settings", () => openSettings()], ["Keys and queries", () => openHelp(), "?"]);
  menuBeside(anchor, items, "More");
}

function sort(panel) {
  panel.sortByTime(!panel.view.isSorted);
  if (panel.view.isSorted) note("By their times, until you follow again. Lines that come now stand at the end.");
}

async function copyAll({ panel }) {
  const text = toText(panel.view, panel.store, [0, panel.view.length - 1]);
  note((await copyText(text)) ? "Copied" : "The browser does not let this page copy.");
}

function goToTime(live) {
  const field = make("input", { type: "text", placeholder: "14:05, yesterday 17:30, 3h ago", "aria-label": "Time", autofocus: true });
  const problem = make("p", { className: "problem", role: "alert" });
  const form = make("form", {}, field, make("button", { type: "submit" }, "Go"), problem);
  const layer = dialog("Go to a time", form);
  form.onsubmit = async (event) => {
    event.preventDefault();
    const time = parseTime(field.value);
    if (time === null) return void (problem.textContent = "This is no time that can be read: 14:05, yesterday 17:30, 3h ago, 2026-05-14 09:00.");
    layer.close();
    const { panel } = live;
    const isThere = () => (panel.store.segments[0]?.firstTime ?? Infinity) <= time;
    const found = isThere() ? null : await panel.past.aroundTime(time);
    if (found !== null) return panel.reader.goTo(found);
    if (!isThere()) await panel.past.search(isThere);
    if (!isThere()) note("The server keeps nothing that old: this is the oldest line.");
    for (const { segment, index, key } of panel.view.walk(0, 1)) if (segment.time[index] >= time) return panel.reader.goTo(key);
    return panel.follow.resume();
  };
}
