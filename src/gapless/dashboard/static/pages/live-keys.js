/** The keys of the Live page. */
import { copyText } from "../core/clipboard.js";
import * as settings from "../core/settings.js";
import { linkTo } from "../core/url.js";
import { selectionIn } from "../log/follow.js";
import { ERROR, LEVELS, WARNING } from "../log/levels.js";
import { isGap } from "../log/marks.js";
import { textOf } from "../log/row.js";
import { quote } from "../log/query.js";
import { clock, day, MODES } from "../core/time.js";
import { note } from "../ui/note.js";

/**
 * @param {import("./live.js").Live} live
 * @param {import("./live-filters.js").Filters} filters
 * @returns {import("../core/keys.js").Binding[]}
 */
export function liveKeys(live, filters) {
  const { panel } = live;
  const { list, follow } = panel;
  const { bookmarks } = panel;
  const isRow = (item) => "key" in item;
  const isOf = (least, most) => (item) => isRow(item) && item.segment.level[item.index] >= least && item.segment.level[item.index] < most;
  const [isError, isWarning] = [isOf(ERROR, Infinity), isOf(WARNING, ERROR)];
  const isGapMark = (item) => "mark" in item && isGap(item.mark);
  const go = (step, isWanted, words) => {
    if (panel.reader.goToNext(step, isWanted)) return live.detail.isOpen && list.current !== null && live.openDetail(list.current);
    return words && note(`No ${step > 0 ? "next" : "previous"} ${words} among the lines of this page.`);
  };
  const scroll = (pages) => {
    follow.intend();
    list.scrollBy(pages * list.page * list.layout.row);
  };
  const current = () => (list.current === null ? null : panel.store.find(list.current));
  const onCurrent = (act) => () => {
    const place = current();
    if (place) act(panel.store.row(place.segment, place.index), place);
    else note("Choose a line first: j, k or a click.");
  };
  const filterFor = (sign) => onCurrent((row) => filters.add(`${sign}logger:${quote(row.logger)}`));
  const minimum = LEVELS.slice(1).filter(({ name }) => name !== "success");
  const key = (group, keys, words, act) => ({ group, keys, words, act });
  return [
    key("Find", ["n"], "Next hit", () => panel.reader.goToHit(1)),
    key("Find", ["N"], "Previous hit", () => panel.reader.goToHit(-1)),
    key("Find", ["h"], "Keep what is looked for marked", () => pinned(panel.asking.togglePin(selectionIn(panel.scroller).toString()))),
    key("Find", ["s"], "Search all that the server keeps", () => live.searchOlder()),
    key("Find", ["."], "Filter off, and on again", () => filters.toggle()),
    ...minimum.map(({ name }, at) => key("Find", [String(at + 1)], `${name} and above`, () => filters.setMinimumLevel(name))),
    key("Find", ["0"], "All levels", () => filters.setMinimumLevel("")),
    key("Find", ["f"], "Only this line's logger", filterFor("")),
    key("Find", ["F"], "Not this line's logger", filterFor("-")),
    key("Move", ["Space"], "Pause, follow", () => live.togglePause()),
    key("Move", ["G", "End"], "Newest, follow", () => follow.resume()),
    key("Move", ["g", "Home"], "Oldest loaded", () => (follow.pause("scrolled"), list.reveal(0))),
    key("Move", ["j", "ArrowDown"], "Next line", () => go(1, isRow)),
    key("Move", ["k", "ArrowUp"], "Previous line", () => go(-1, isRow)),
    key("Move", ["Shift+ArrowDown", "J"], "Choose down to the next line", () => extend(1)),
    key("Move", ["Shift+ArrowUp", "K"], "Choose up to the previous line", () => extend(-1)),
    key("Move", ["PageDown"], "Page down", () => scroll(1)),
    key("Move", ["PageUp"], "Page up", () => scroll(-1)),
    key("Move", ["Ctrl+d"], "Half a page down", () => scroll(0.5)),
    key("Move", ["Ctrl+u"], "Half a page up", () => scroll(-0.5)),
    key("Move", ["e"], "Next error", () => go(1, isError, "error")),
    key("Move", ["E"], "Previous error", () => go(-1, isError, "error")),
    key("Move", ["w"], "Next warning", () => go(1, isWarning, "warning")),
    key("Move", ["W"], "Previous warning", () => go(-1, isWarning, "warning")),
    key("Move", ["x"], "Next gap", () => go(1, isGapMark, "gap")),
    key("Move", ["X"], "Previous gap", () => go(-1, isGapMark, "gap")),
    key("Line", ["Enter"], "Details", () => (live.detail.isOpen ? live.detail.close() : list.current !== null && live.openDetail(list.current))),
    key("Line", ["ArrowRight"], "Unfold what it holds, a level more", onCurrent((row) => unfold(row.key, 1))),
    key("Line", ["ArrowLeft"], "Fold it, a level", onCurrent((row) => unfold(row.key, -1))),
    key("Line", ["c"], "What stands around it", () => list.current !== null && live.openDetail(list.current, "context")),
    key("Line", ["y"], "Copy it", onCurrent(async (row, { segment, index }) => said(await copyText(textOf(row, panel.store.data(segment, index), row.time === null ? "" : `${day(row.time)} ${clock(row.time)}`)), "Line copied"))),
    key("Line", ["Y"], "Copy a link to it, or to what is chosen", onCurrent(copyLink)),
    key("Line", ["b"], "Bookmark", onCurrent((row) => toggleBookmark(row.key))),
    key("Line", ["u"], "Next bookmark", () => go(1, (item) => isRow(item) && bookmarks.has(item.key), "bookmark")),
    key("Line", ["U"], "Previous bookmark", () => go(-1, (item) => isRow(item) && bookmarks.has(item.key), "bookmark")),
    key("Look", ["t"], "Time: clock, UTC, relative, delta, ISO", () => note(`Time: ${settings.cycle("time", MODES)}`)),
    key("Look", ["l"], "Wrap long lines", () => settings.set("wrap", !settings.get("wrap"))),
    key("Look", ["o"], "Fold repeated lines", () => settings.set("fold", !settings.get("fold"))),
    key("Look", ["d"], "Density", () => note(`Density: ${settings.cycle("density", ["normal", "compact", "roomy"])}`)),
    key("Look", ["["], "Facets", () => live.toggleFacets()),
    key("Look", ["]"], "Details", () => (live.detail.isOpen ? live.detail.close() : list.current !== null && live.openDetail(list.current))),
    key("Look", ["Ctrl+a"], "Choose all lines of the view", () => panel.reader.chooseAll()),
  ];

  async function copyLink(row) {
    const [first, last] = (list.range ?? [row.key, row.key]).map((key) => panel.store.find(key)).map((place) => place && panel.store.row(place.segment, place.index));
    if (!first?.offset || !last?.offset) return note("A line without an offset has no link.");
    if (first.channel !== last.channel || first.epoch !== last.epoch) return note("A link leads to lines of one channel.");
    const [from, to] = first.offset <= last.offset ? [first, last] : [last, first]; // as they arrived
    return said(await copyText(linkTo(from, to.offset)), "Link copied");
  }

  function unfold(key, levels) {
    panel.unfoldObject(key, levels);
    list.reveal(panel.view.ordinalOf(key), { centre: false });
  }

  function extend(step) {
    const from = list.range ?? (list.current === null ? null : [list.current, list.current]);
    if (!from) return go(step, isRow);
    const anchor = panel.reader.anchor ?? list.current;
    panel.reader.anchor = anchor;
    if (panel.reader.goToNext(step, isRow)) panel.reader.chooseTo(anchor, list.current);
  }

  function toggleBookmark(rowKey) {
    if (!bookmarks.delete(rowKey)) bookmarks.add(rowKey);
    list.redraw();
    return note(bookmarks.has(rowKey) ? "Bookmarked: u and U lead back to it" : "Bookmark taken away");
  }

  function pinned(pin) {
    note(pin ? `${pin.isOn ? "Stays marked" : "Not marked any more"}: ${pin.text}` : "Look for something first, or select it.");
  }
}

function said(worked, words) {
  note(worked ? words : "The browser does not let this page copy.", worked ? "" : "warning");
}
