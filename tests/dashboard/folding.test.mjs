import assert from "node:assert/strict";
import { test } from "node:test";
import { template } from "../../src/gapless/dashboard/static/log/folding.js";
import { SEGMENT } from "../../src/gapless/dashboard/static/log/segment.js";
import { Store } from "../../src/gapless/dashboard/static/log/store.js";
import { View } from "../../src/gapless/dashboard/static/log/view.js";
import { Later, random, storeOf, toRow } from "./making.mjs";

const shown = (view) => Array.from({ length: view.length }, (_, at) => view.at(at)).map((item) => (item.mark ? item.mark.kind : `${item.segment.message[item.index]} ×${view.times(item.segment, item.index)}`));

function folded(store, matcher = null) {
  const later = new Later();
  const view = new View(store, { schedule: later.schedule });
  view.fold(template);
  if (matcher) view.set(matcher);
  later.run();
  return view;
}

test("rows that say the same but for numbers and quoted words fold into the first of them", () => {
  const view = folded(storeOf(["job 1 done", "job 22 done", "job 'x' done", "job 3 failed", "job 4 failed", "job 5 done"]));
  assert.deepEqual(shown(view), ["job 1 done ×3", "job 3 failed ×2", "job 5 done ×1"]);
  assert.equal(view.rows, 6);
});

test("another level, logger or channel is another message", () => {
  const store = storeOf([{ message: "m", level: "info" }, { message: "m", level: "error" }, { message: "m", level: "error", logger: "a" }]);
  store.append(toRow({ message: "m", level: "error", logger: "a" }, { channel: "other" }));
  assert.equal(folded(store).length, 4);
});

test("what comes is folded, and a row that was folded leads to the one that stands for it", () => {
  const store = storeOf(["a 1", "a 2"]);
  const view = folded(store);
  store.append(toRow("a 3"));
  store.append(toRow("b"));
  store.append(toRow("b"));
  assert.deepEqual(shown(view), ["a 1 ×3", "b ×2"]);
  assert.equal(view.shownFor(2), 0);
  assert.equal(view.shownFor(4), 3);
  assert.equal(view.ordinalOf(3), 1);
});

test("a fold never hides a gap between its rows", () => {
  const store = storeOf(["a", "a"]);
  const view = folded(store);
  view.addMark({ before: store.nextKey, kind: "lost" });
  store.append(toRow("a"));
  store.append(toRow("a"));
  assert.deepEqual(shown(view), ["a ×2", "lost", "a ×2"]);
  view.set(() => true);
  assert.deepEqual(shown(view), ["a ×2", "lost", "a ×2"]);
});

test("a fold is opened, goes on open, and is closed again", () => {
  const store = storeOf(["x", "a 1", "a 2", "y"]);
  const view = folded(store);
  view.unfold(1);
  assert.deepEqual(shown(view), ["x ×1", "a 1 ×2", "a 2 ×1", "y ×1"]);
  view.unfold(1);
  assert.deepEqual(shown(view), ["x ×1", "a 1 ×2", "y ×1"]);
});

test("a filter comes first, and what it leaves folds", () => {
  const store = storeOf(["a 1", "b", "a 2", "b", "a 3"]);
  const view = folded(store, (segment, index) => segment.message[index][0] === "a");
  assert.deepEqual(shown(view), ["a 1 ×3"]);
  assert.equal(view.rows, 3);
  view.fold(null);
  assert.equal(view.length, 3);
});

test("whatever comes and goes, each row is counted once and places agree", () => {
  const chance = random(5);
  const store = new Store({ maxRows: 2 * SEGMENT });
  const view = folded(store);
  for (let round = 0; round < 3 * SEGMENT; round += 1) {
    store.append(toRow({ message: `${"abc"[Math.floor(chance() * 3)]} ${round}` }));
    if (chance() < 0.01) view.addMark({ before: store.nextKey, kind: "gap" });
    if (round % 1_000 === 0) store.trim();
  }
  let rows = 0;
  for (let ordinal = 0; ordinal < view.length; ordinal += 1) {
    const item = view.at(ordinal);
    if (item.mark) continue;
    rows += view.times(item.segment, item.index);
    assert.equal(view.ordinalOf(item.key), ordinal);
  }
  assert.equal(rows, store.size);
  assert.equal(view.rows, store.size);
});

test("a state takes the place of the state before it, and is filtered anew", () => {
  const store = storeOf(["10 %", "other"]);
  const later = new Later();
  const view = new View(store, { schedule: later.schedule });
  view.set((segment, index) => /^[12]/.test(segment.message[index]));
  later.run();
  assert.deepEqual(shown(view), ["10 % ×1"]);
  const before = store.bytes;
  assert.equal(store.replace(0, toRow({ message: "99 %", level: "error" })), true);
  assert.equal(view.rows, 0);
  assert.equal(store.size, 2);
  assert.equal(store.levels[40], 1);
  assert.equal(store.replace(0, toRow("20 %")), true);
  assert.deepEqual(shown(view), ["20 % ×1"]);
  assert.equal(store.bytes, before);
  assert.equal(store.levels[40], 0);
  assert.equal(store.replace(99, toRow("gone")), false);
});
