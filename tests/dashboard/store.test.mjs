import assert from "node:assert/strict";
import { test } from "node:test";
import { SEGMENT } from "../../src/gapless/dashboard/static/log/segment.js";
import { Store } from "../../src/gapless/dashboard/static/log/store.js";
import { View } from "../../src/gapless/dashboard/static/log/view.js";
import { Later, random, storeOf, toRow } from "./making.mjs";

const many = (count, make = (number) => ({ message: `m ${number}` })) => Array.from({ length: count }, (_, at) => make(at));
const messages = (view) => Array.from({ length: view.length }, (_, at) => view.at(at)).map((item) => (item.mark ? item.mark.kind : item.segment.message[item.index]));

test("keys never change, and rows leave by whole segments from the old end", () => {
  const store = storeOf(many(SEGMENT * 3), { maxRows: SEGMENT * 2 });
  const key = SEGMENT * 2 + 5;
  assert.equal(store.find(key).segment.message[5], `m ${key}`);
  assert.equal(store.trim(), SEGMENT);
  assert.equal(store.size, SEGMENT * 2);
  assert.equal(store.find(key).segment.message[5], `m ${key}`);
  assert.equal(store.find(5), null);
  assert.equal(store.evicted, SEGMENT);
});

test("bytes bound it as well as rows", () => {
  const store = storeOf(many(SEGMENT * 3, () => ({ message: "x".repeat(100) })), { maxBytes: 200 * SEGMENT });
  store.trim();
  assert.equal(store.segments.length, 1);
  assert.ok(store.bytes <= 200 * SEGMENT);
  store.clear();
  assert.equal(store.bytes, 0);
});

test("what is being read does not leave", () => {
  const store = storeOf(many(SEGMENT * 3), { maxRows: SEGMENT });
  store.isHeld = (segment) => segment.start === SEGMENT;
  store.trim();
  assert.deepEqual(store.segments.map((segment) => segment.start), [SEGMENT, SEGMENT * 2]);
});

test("counts follow what comes and goes", () => {
  const store = storeOf(many(SEGMENT * 2, (at) => ({ message: "m", level: at < SEGMENT ? "error" : "info", logger: at < SEGMENT ? "a" : "b" })), { maxRows: SEGMENT });
  assert.equal(store.levels[40], SEGMENT);
  store.trim();
  assert.equal(store.levels[40], 0);
  assert.deepEqual(store.loggers.top(5).map(({ name, count }) => [name, count]), [["b", SEGMENT]]);
});

test("rows are woven among others by time, and keys tell where they went", () => {
  const store = new Store();
  const view = new View(store);
  const at = (second, text) => ({ ...toRow(text), time: second });
  for (const [second, text] of [[1, "a1"], [4, "a4"], [9, "a9"]]) store.append(at(second, text));
  view.addMark({ before: 2, kind: "gap" });
  let toKey = null;
  store.listen({ rewoven: (map) => (toKey = map) });
  store.weave([at(0, "b0"), at(2, "b2"), at(3, "b3"), at(10, "b10")]);
  assert.deepEqual(messages(view), ["b0", "a1", "b2", "b3", "a4", "gap", "a9", "b10"]);
  assert.deepEqual([0, 1, 2].map((key) => store.find(toKey(key)).segment.message[store.find(toKey(key)).index]), ["a1", "a4", "a9"]);
  assert.equal(store.channels.counts.reduce((sum, each) => sum + each), store.size);
  store.weave([at(20, "c")]);
  assert.deepEqual(messages(view).at(-1), "c");
  assert.equal(store.channels.counts.reduce((sum, each) => sum + each), store.size);
});

test("older rows go in front, and what was left out goes where it belongs", () => {
  const store = new Store();
  const view = new View(store);
  for (const text of ["c", "d"]) store.append(toRow(text));
  const start = store.reserve(2);
  store.append(toRow("g"));
  store.prepend(["a", "b"].map((text) => toRow(text)));
  store.insert(start, ["e", "f"].map((text) => toRow(text)));
  assert.deepEqual(messages(view), ["a", "b", "c", "d", "e", "f", "g"]);
  assert.equal(store.firstKey, -2);
});

test("a row is late when its time is far behind that of the one before", () => {
  const store = storeOf([{ message: "a", time: 1715688131000 }, { message: "b", time: 1715688120000 }, { message: "c", time: 1715688119000 }]);
  const flags = [...store.segments[0].flags.slice(0, 3)].map((flag) => (flag & 2) !== 0);
  assert.deepEqual(flags, [false, true, false]);
});

test("positions find their rows", () => {
  const store = storeOf(many(10));
  assert.equal(store.keyOf("logs", "e", 4), 3);
  assert.equal(store.keyOf("logs", "other", 4), null);
  assert.equal(store.keyOf("logs", "e", 11), null);
});

test("a view shows what matches, with marks in their places", () => {
  const store = storeOf(many(10));
  const view = new View(store);
  view.addMark({ before: 5, kind: "gap" });
  view.addMark({ before: 10, kind: "end" });
  view.addMark({ before: 5, kind: "back" });
  assert.equal(view.length, 13);
  assert.deepEqual(messages(view).slice(4, 9), ["m 4", "gap", "back", "m 5", "m 6"]);
  view.set((segment, index) => index % 2 === 0);
  assert.deepEqual(messages(view), ["m 0", "m 2", "m 4", "gap", "back", "m 6", "m 8", "end"]);
  assert.equal(view.ordinalOf(6), 5);
  assert.equal(view.ordinalOfMark(view.marks[0]), 3);
  assert.ok(view.has(6) && !view.has(7));
  assert.equal(view.at(8), null);
  assert.equal(view.at(-1), null);
});

test("a new matcher is applied in slices, the newest rows first, and an old one stops", () => {
  const later = new Later();
  let now = 0;
  const store = storeOf(many(SEGMENT * 4));
  const view = new View(store, { schedule: later.schedule, now: () => (now += 100) });
  const seen = [];
  view.set((segment, index) => (seen.push(segment.start), true));
  assert.ok(view.progress < 1);
  assert.deepEqual([...new Set(seen)], [SEGMENT * 3]);
  assert.equal(view.rows, SEGMENT);
  view.set((segment, index) => index === 0);
  later.run();
  assert.equal(view.progress, 1);
  assert.equal(view.rows, 4);
  assert.deepEqual([...new Set(seen)], [SEGMENT * 3]);
});

test("rows that come while a matcher is being applied are counted once", () => {
  const later = new Later();
  let now = 0;
  const store = storeOf(many(SEGMENT + 10));
  const view = new View(store, { schedule: later.schedule, now: () => (now += 100) });
  view.set(() => true);
  for (const data of many(20)) store.append(toRow(data));
  store.prepend([toRow("older")]);
  later.run();
  assert.equal(view.rows, SEGMENT + 31);
});

test("however rows come and go, ordinals are those of a plain list", () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const next = random(seed);
    const store = new Store({ maxRows: 300 });
    const view = new View(store);
    const model = []; // [key, text]
    const marks = [];
    if (next() < 0.5) view.set((segment, index) => Number(segment.message[index]) % 3 !== 0);
    for (let step = 0; step < 60; step += 1) {
      const text = () => String(Math.floor(next() * 1000));
      const what = next();
      if (what < 0.6) for (let n = 0; n < 10; n += 1) { const t = text(); model.push([store.append(toRow(t)), t]); }
      else if (what < 0.75) { const rows = [text(), text(), text()]; const start = store.prepend(rows.map((t) => toRow(t))); model.unshift(...rows.map((t, at) => [start + at, t])); }
      else if (what < 0.85) { const mark = { before: store.nextKey, kind: `mark ${step}` }; marks.push(mark); view.addMark(mark); }
      else if (what < 0.95) { const start = store.reserve(2); if (next() < 0.5) { const rows = [text(), text()]; store.insert(start, rows.map((t) => toRow(t))); model.push(...rows.map((t, at) => [start + at, t])); } }
      else store.trim();
      // Keys of rows that left may be given to others that are loaded in their place.
      const kept = model.filter(([key]) => store.find(key));
      model.splice(0, model.length, ...kept);
      const rows = kept.filter(([, t]) => !view.matcher || Number(t) % 3 !== 0).map(([key, t]) => [key, 1, t]);
      const all = [...rows, ...marks.map((mark) => [mark.before, 0, mark.kind])].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      assert.deepEqual(messages(view), all.map(([, , t]) => t), `seed ${seed}, step ${step}`);
    }
  }
});
