import assert from "node:assert/strict";
import { test } from "node:test";
import { Exact } from "../../src/gapless/dashboard/static/core/json.js";
import { Places } from "../../src/gapless/dashboard/static/log/places.js";
import { isFoldable, toPath, unfoldedLines, Unfolding } from "../../src/gapless/dashboard/static/log/unfolding.js";
import { View } from "../../src/gapless/dashboard/static/log/view.js";
import { Later, random, storeOf } from "./making.mjs";

const ENTRIES = [["ms", 5], ["request", { id: "r", headers: { host: "a", accept: ["json"] } }], ["tags", ["a", "b"]]];
const shown = (entries, unfolding) => unfoldedLines(entries, unfolding.of(1) ?? new Set()).map(({ depth, name, state, rest }) => `${" ".repeat(depth)}${name}${{ open: "▾", folded: "▸", leaf: "", rest: `+${rest}` }[state]}`);

test("what has something in it can be unfolded", () => {
  assert.deepEqual([{ a: 1 }, [0], {}, [], null, "{}", 5, new Exact("1e400")].map(isFoldable), [true, true, false, false, false, false, false, false]);
});

test("an object unfolds below its row, with what is unfolded in it, and folds again", () => {
  const unfolding = new Unfolding();
  unfolding.toggle(1, toPath(["request"]), ENTRIES);
  assert.deepEqual(shown(ENTRIES, unfolding), ["request▾", " id", " headers▸"]);
  unfolding.toggle(1, toPath(["request", "headers"]), ENTRIES);
  assert.deepEqual(shown(ENTRIES, unfolding), ["request▾", " id", " headers▾", "  host", "  accept▸"]);
  assert.equal(unfolding.lines(1), 5);
  unfolding.toggle(1, toPath(["request"]), ENTRIES);
  assert.equal(unfolding.lines(1), 0);
  assert.deepEqual([...unfolding.keys], []);
});

test("names with points and quotes are names", () => {
  const entries = [["a.b", { c: { d: 1 } }], ["a", { "b.c": { d: 1 }, '"': [1] }]];
  const unfolding = new Unfolding();
  unfolding.toggle(1, toPath(["a"]), entries);
  unfolding.toggle(1, toPath(["a", '"']), entries);
  assert.deepEqual(shown(entries, unfolding), ["a▾", " b.c▸", ' "▾', "  0"]);
});

test("by keys it unfolds and folds level by level", () => {
  const unfolding = new Unfolding();
  const levels = [];
  while (unfolding.deeper(1, ENTRIES)) levels.push(shown(ENTRIES, unfolding));
  assert.deepEqual(levels[0], ["request▾", " id", " headers▸", "tags▾", " 0", " 1"]);
  assert.deepEqual(levels[2], ["request▾", " id", " headers▾", "  host", "  accept▾", "   0", "tags▾", " 0", " 1"]);
  assert.equal(levels.length, 3);
  const back = [];
  while (unfolding.shallower(1, ENTRIES)) back.push(shown(ENTRIES, unfolding));
  assert.deepEqual(back, [levels[1], levels[0], []]);
});

test("what is nothing but an object unfolds without a head of its own", () => {
  const unfolding = new Unfolding();
  const entries = [["", { a: 1, b: [2] }]];
  unfolding.deeper(1, entries);
  assert.deepEqual(shown(entries, unfolding), [" a", " b▸"]);
  unfolding.deeper(1, entries);
  assert.deepEqual(shown(entries, unfolding), [" a", " b▾", "  0"]);
  unfolding.shallower(1, entries);
  unfolding.shallower(1, entries);
  assert.equal(unfolding.lines(1), 0);
});

test("however much is in it, a row has a bounded number of lines", () => {
  const wide = [["o", Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`k${at}`, Array(150).fill(at)]))]];
  const unfolding = new Unfolding();
  unfolding.deeper(1, wide);
  assert.deepEqual([unfolding.lines(1), shown(wide, unfolding).at(-1)], [102, " +9900"]);
  unfolding.deeper(1, wide);
  assert.ok(unfolding.lines(1) > 102 && unfolding.lines(1) <= 401, `${unfolding.lines(1)}`);
  for (let at = 0; at < 20; at += 1) unfolding.toggle(1, toPath(["o", `k${at + 50}`]), wide);
  assert.equal(unfolding.lines(1), 401);
});

test("a row that says something else keeps unfolded what is in it still", () => {
  const unfolding = new Unfolding();
  for (let level = 0; level < 2; level += 1) unfolding.deeper(1, ENTRIES);
  const now = [["ms", 6], ["request", { id: "r", headers: { host: "b" } }]];
  unfolding.renew(1, now);
  assert.deepEqual(shown(now, unfolding), ["request▾", " id", " headers▾", "  host"]);
  assert.equal(unfolding.lines(1), 4);
  unfolding.renew(1, [["ms", 7]]);
  unfolding.renew(2, now);
  assert.deepEqual([...unfolding.keys], []);
});

test("rows that leave are forgotten, and others keep theirs under new keys", () => {
  const unfolding = new Unfolding();
  for (const key of [1, 5, 9]) unfolding.deeper(key, ENTRIES);
  unfolding.forget((key) => key < 5);
  unfolding.remap((key) => key + 100);
  assert.deepEqual([...unfolding.keys], [105, 109]);
  assert.equal(unfolding.lines(105), 6);
});

for (const wrap of [false, true])
  test(`what is unfolded moves what stands below it, and nothing else (${wrap ? "wrapped" : "one line each"})`, () => {
    const dice = random(7);
    const store = storeOf(Array.from({ length: 500 }, () => ({ message: "word ".repeat(1 + Math.floor(dice() * 60)), fields: { a: { b: [1, 2, 3] } } })));
    const later = new Later();
    const view = new View(store, { schedule: later.schedule });
    const unfolding = new Unfolding();
    const places = new Places(view, unfolding);
    places.viewport = 300;
    places.setLayout({ ...places.layout, wrap });
    const entries = [["a", { b: [1, 2, 3] }]];
    const check = () => {
      places.measure();
      let top = 0;
      for (let ordinal = 0; ordinal < view.length; ordinal += 1) {
        assert.equal(places.top(ordinal), top);
        const height = places.height(ordinal);
        const extra = places.unfolded(view.keyAt(ordinal));
        assert.equal(height - extra, bare[ordinal]);
        for (const inside of [0, height - 1]) assert.equal(places.at(top + inside), ordinal);
        top += height;
      }
      assert.equal(places.scale.content, top);
    };
    places.measure();
    let bare = Array.from({ length: view.length }, (_, ordinal) => places.height(ordinal));
    for (const key of [0, 1, 250, 499, 77]) {
      unfolding.deeper(key, entries);
      check();
    }
    unfolding.deeper(250, entries);
    check();
    assert.equal(places.unfolded(250), 5 * (wrap ? 18 : 20));
    view.set((segment, index) => index % 2 === 0); // what is filtered out takes no room
    later.run();
    bare = bare.filter((_, ordinal) => ordinal % 2 === 0);
    check();
  });
