import assert from "node:assert/strict";
import { test } from "node:test";
import { Order } from "../../src/gapless/dashboard/static/log/order.js";
import { Store } from "../../src/gapless/dashboard/static/log/store.js";
import { View } from "../../src/gapless/dashboard/static/log/view.js";
import { Later, random, storeOf, toRow } from "./making.mjs";

const at = (second, message = `s${second}`) => ({ time: 1_780_000_000 + second, message });
const shown = (view) => Array.from({ length: view.length }, (_, ordinal) => view.at(ordinal)).map((item) => item.mark?.kind ?? item.segment.message[item.index]);

function viewOf(store) {
  const later = new Later();
  return Object.assign(new View(store, { schedule: later.schedule }), { later });
}

/** Each place leads to what stands in it, and back. */
function check(view) {
  for (let ordinal = 0; ordinal < view.length; ordinal += 1) {
    const item = view.at(ordinal);
    assert.equal(item.mark ? view.ordinalOfMark(item.mark) : view.ordinalOf(item.key), ordinal);
    if (!item.mark) assert.ok(view.has(item.key));
  }
}

test("an order is by time, of equal ones and of those without as they arrived, and what comes later stands behind", () => {
  const order = new Order(Float64Array.of(5, 3, NaN, 3, 1, 9));
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7].map((number) => order.arrivedAt(number)), [4, 1, 2, 3, 0, 5, 6, 7]);
  for (let number = 0; number < 8; number += 1) assert.equal(order.numberOf(order.arrivedAt(number)), number);
});

test("a list stands by the times of its rows, or as they arrived", () => {
  const view = viewOf(storeOf([at(3), at(1), at(4), at(1, "again"), at(5), at(2)]));
  view.sort(true);
  assert.deepEqual(shown(view), ["s1", "again", "s2", "s3", "s4", "s5"]);
  check(view);
  view.sort(false);
  assert.deepEqual(shown(view), ["s3", "s1", "s4", "again", "s5", "s2"]);
  check(view);
});

test("rows that come while it stands by time stand at the end, and move nothing", () => {
  const store = storeOf([at(3), at(1)]);
  const view = viewOf(store);
  view.sort(true);
  assert.deepEqual(shown(view), ["s1", "s3"]);
  const { shape } = view;
  for (const second of [2, 0]) store.append(toRow(at(second)));
  assert.deepEqual(shown(view), ["s1", "s3", "s2", "s0"]);
  assert.equal(view.shape, shape, "heights that were measured hold");
  check(view);
});

test("a gap stays in front of the row that it was in front of, the mark at the very top at the top", () => {
  const view = viewOf(storeOf([at(3), at(1), at(4), at(2)]));
  view.addMark({ before: -Infinity, kind: "top" });
  view.addMark({ before: 2, kind: "gap" });
  view.addMark({ before: 3, kind: "other" });
  view.addMark({ before: 4, kind: "end" });
  assert.deepEqual(shown(view), ["top", "s3", "s1", "gap", "s4", "other", "s2", "end"]);
  view.sort(true);
  assert.deepEqual(shown(view), ["top", "s1", "other", "s2", "s3", "gap", "s4", "end"]);
  check(view);
});

test("filtered, evicted, loaded and late, it is in order still, and every key is found", () => {
  const dice = random(11);
  const store = new Store({ maxRows: 9_000 });
  const view = viewOf(store);
  let second = 0;
  const add = (rows) => Array.from({ length: rows }, () => store.append(toRow(at((second += 1) + Math.floor(dice() * 40), `n${Math.floor(dice() * 9)}`))));
  add(10_000);
  view.addMark({ before: 7_000, kind: "gap" });
  view.sort(true);
  const times = () => Array.from({ length: view.length }, (_, ordinal) => view.at(ordinal)).flatMap((item) => (item.mark ? [] : [item.segment.time[item.index]]));
  const isSorted = (list) => list.every((time, index) => index === 0 || time >= list[index - 1]);
  assert.ok(isSorted(times()));
  check(view);
  view.set((segment, index) => segment.message[index] !== "n3");
  view.later.run();
  assert.ok(isSorted(times()) && times().length < 10_000);
  check(view);
  store.trim();
  assert.ok(store.size < 9_000 && isSorted(times()));
  check(view);
  store.prepend(Array.from({ length: 100 }, (_, index) => toRow(at(-Math.floor(dice() * 5_000), `old${index}`))));
  assert.ok(isSorted(times()));
  add(500);
  assert.ok(!isSorted(times()), "what comes now stands at the end");
  check(view);
});
