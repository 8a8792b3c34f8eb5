import assert from "node:assert/strict";
import { test } from "node:test";
import { Asking } from "../../src/gapless/dashboard/static/log/asking.js";
import * as language from "../../src/gapless/dashboard/static/log/language.js";
import { Reader } from "../../src/gapless/dashboard/static/log/reader.js";
import { View } from "../../src/gapless/dashboard/static/log/view.js";
import { Later, storeOf } from "./making.mjs";

const LEVELS = ["info", "error"];

/** A list of ten rows that is asked and read, without a document: what it was told is kept. */
function asked({ isReady = true } = {}) {
  const store = storeOf(Array.from({ length: 10 }, (_, at) => ({ message: `row ${at}`, level: LEVELS[at % 2] })));
  const later = new Later();
  const [view, hits] = [0, 1].map(() => new View(store, { schedule: later.schedule, now: () => 0 }));
  const channels = new Map([["logs", { name: "logs", off: false }]]);
  const asking = new Asking(store, view, hits, channels);
  const list = { current: null, range: null, inSight: [0, 9], revealed: [], reveal: (ordinal) => list.revealed.push(ordinal), redraw() {} };
  const follow = { reasons: [], pause: (reason) => follow.reasons.push(reason) };
  const reader = new Reader(list, view, hits, follow);
  if (isReady) asking.use(language);
  asking.refilter();
  const keys = (of) => Array.from({ length: of.length }, (_, at) => of.keyAt(at)).filter((key) => key !== null);
  return { store, view, hits, channels, asking, list, follow, reader, later, keys };
}

test("a query chooses what is shown, and the last one that can be read stays", () => {
  const { asking, view, keys } = asked();
  let changes = 0;
  asking.onChange = () => (changes += 1);
  assert.equal(asking.setQuery("level>=error row"), null);
  assert.deepEqual(keys(view), [1, 3, 5, 7, 9]);
  assert.equal(asking.setQuery("(row").position > 0, true);
  assert.equal(asking.query.text, "level>=error row");
  assert.deepEqual(keys(view), [1, 3, 5, 7, 9]);
  assert.equal(changes, 1);
  assert.deepEqual(asking.paths, ["level"]);
  assert.deepEqual(asking.highlights.map(({ source }) => source), ["row"]);
});

test("what is asked before queries can be read hides everything, and is answered then", () => {
  const { asking, view, hits, keys } = asked({ isReady: false });
  let needs = 0;
  asking.onNeed = () => (needs += 1);
  asking.onSlow = (error) => assert.fail(error);
  assert.equal(asking.setQuery(" "), null);
  assert.deepEqual([keys(view).length, needs], [10, 0]);
  assert.equal(asking.setQuery("LEVEL", { caseSensitive: true }), null);
  assert.equal(asking.setQuery("level:error"), null);
  assert.equal(asking.setFind("row [1-4]", { regex: true }), null);
  assert.deepEqual([keys(view), keys(hits), needs], [[], [], 3]);
  assert.deepEqual([asking.query.text, asking.isFinding, asking.highlights, asking.paths], ["level:error", true, [], []]);
  assert.equal(asking.togglePin("row"), null);
  asking.use(language);
  assert.deepEqual([keys(view), keys(hits)], [[1, 3, 5, 7, 9], [1, 3]]);
  assert.deepEqual(asking.highlights.map(({ source }) => source), ["row [1-4]"]);
});

test("what was asked before queries could be read, and cannot be, is given up and told", () => {
  const { asking, view, hits, keys } = asked({ isReady: false });
  const told = [];
  asking.onSlow = ({ position }) => told.push(position);
  asking.setQuery("row (");
  asking.setFind("row )");
  asking.use(language);
  assert.deepEqual(told, [5, 4]);
  assert.deepEqual([asking.query.text, asking.isFinding], ["", false]);
  assert.deepEqual([keys(view).length, keys(hits)], [10, []]);
});

test("what is found is marked among what is shown, and hides nothing", () => {
  const { asking, view, hits, keys } = asked();
  asking.setQuery("level:error");
  asking.setFind("/row [1-4]/");
  assert.deepEqual(keys(view), [1, 3, 5, 7, 9]);
  assert.deepEqual(keys(hits), [1, 3]);
  assert.equal(asking.isFinding, true);
  asking.setFind("");
  assert.equal(asking.isFinding, false);
  assert.deepEqual(keys(hits), []);
});

test("rows of channels that are off, and those that were cleared, are not shown until that is undone", () => {
  const { asking, channels, view, store, keys } = asked();
  channels.get("logs").off = true;
  asking.refilter();
  assert.deepEqual(keys(view), []);
  channels.get("logs").off = false;
  asking.clear();
  assert.deepEqual(keys(view), []);
  assert.deepEqual(view.marks.map(({ kind, count, before }) => [kind, count, before]), [["cleared", 10, store.nextKey]]);
  asking.undoClear(view.marks[0]);
  assert.equal(keys(view).length, 10);
  assert.deepEqual(view.marks, []);
});

test("a pin is what is selected, else what is looked for, and goes with the second time; eight are kept", () => {
  const { asking } = asked();
  assert.equal(asking.togglePin(" "), null);
  asking.setFind("row");
  assert.deepEqual(asking.togglePin(""), { text: "row", isOn: true });
  assert.deepEqual(asking.togglePin(""), { text: "row", isOn: false });
  for (let at = 0; at < 9; at += 1) asking.togglePin(`word${at}`);
  assert.deepEqual(asking.pins.map(({ source }) => source), [1, 2, 3, 4, 5, 6, 7, 8].map((at) => `word${at}`));
});

test("who goes from hit to hit goes round, from where they are", () => {
  const { asking, reader, list, follow } = asked();
  asking.setFind("level:error");
  reader.goToHit(1);
  assert.equal(list.current, 1);
  assert.equal(reader.hitNumber, 1);
  reader.goToHit(-1);
  assert.equal(list.current, 9);
  reader.goToHit(1);
  assert.equal(list.current, 1);
  assert.deepEqual(new Set(follow.reasons), new Set(["reading"]));
  reader.goTo(4);
  assert.equal(reader.hitNumber, 0);
  reader.goToHit(1);
  assert.equal(list.current, 5);
});

test("the next row or mark that is wanted is gone to; there may be none", () => {
  const { reader, list, view } = asked();
  const isMark = (item) => "mark" in item;
  view.addMark({ before: 5, kind: "lost" });
  reader.goTo(2);
  assert.equal(reader.goToNext(1, (item) => item.key === 4), true);
  assert.equal(list.current, 4);
  assert.equal(reader.goToNext(1, isMark), true);
  assert.deepEqual([list.current, list.revealed.at(-1)], [5, 5]);
  assert.equal(reader.goToNext(-1, (item) => item.key === 9), false);
});

test("a range stands between its two ends, whichever came first", () => {
  const { reader, list, follow } = asked();
  reader.chooseTo(6, 2);
  assert.deepEqual([list.range, reader.anchor], [[2, 6], 6]);
  assert.equal(follow.reasons.at(-1), "selecting");
  reader.chooseAll();
  assert.deepEqual(list.range, [0, 9]);
  reader.chooseNone();
  assert.deepEqual([list.range, reader.anchor], [null, null]);
});
