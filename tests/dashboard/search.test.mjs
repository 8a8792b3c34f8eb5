import assert from "node:assert/strict";
import { test } from "node:test";
import { FieldCounts } from "../../src/gapless/dashboard/static/log/counting.js";
import { toIndexed } from "../../src/gapless/dashboard/static/log/indexed.js";
import { parseQuery } from "../../src/gapless/dashboard/static/log/query.js";
import { Search } from "../../src/gapless/dashboard/static/log/search.js";
import { SEGMENT } from "../../src/gapless/dashboard/static/log/segment.js";
import { toRow } from "../../src/gapless/dashboard/static/log/testing.js";
import { storeOf } from "./making.mjs";

const NOW = Date.parse("2026-05-14T12:00:00Z");

for (const [text, query] of [
  ["pool", "pool*"],
  ["pool exhausted", "pool* exhausted*"],
  ['"pool exhausted"', '"pool exhausted"'],
  ["app.db level>=error", '"app.db"'],
  ["Grüße", "Grüße*"],
]) test(`of ${text} the index finds ${query}`, () => assert.equal(toIndexed(parseQuery(text), NOW).query, query));

for (const text of ["", "level:error", "a OR b", "-a", "/a+/", "ms>5", "logger:app.*", "…"])
  test(`of "${text}" it finds nothing that every line has`, () => assert.equal(toIndexed(parseQuery(text), NOW), null));

test("it is asked for what came since, and never for what came before: lines come late", () => {
  const indexed = toIndexed(parseQuery('pool after:"2026-05-14T11:00:00Z" before:"2026-05-14T11:30:00Z"'), NOW);
  assert.deepEqual(indexed, { query: "pool*", since: Date.parse("2026-05-14T11:00:00Z") / 1_000 });
});

/** A server that keeps these, channel by channel, and a search in it. */
function searching(kept, text, { index = false, byIndex = true } = {}) {
  const asked = [];
  const api = {
    isOpen: true,
    async call(method, said) {
      asked.push([method, said]);
      if (!index) throw Object.assign(new Error("off"), { code: 108 });
      const words = said.query.replaceAll(/[*"]/g, "");
      const all = kept[said.channel].map((data, at) => ({ offset: at + 1, data, time: 0 })).filter(({ offset, data }) => offset < said.before && data.message.includes(words)).reverse();
      return { publications: all.slice(0, said.limit), epoch: "e", more: all.length > said.limit };
    },
  };
  const past = {
    async before(name, epoch, offset, limit) {
      const from = Math.max(0, offset - 1 - limit);
      return kept[name].slice(from, offset - 1).map((data, at) => toRow(name, epoch, from + at + 1, data));
    },
  };
  const channels = Object.entries(kept).map(([name, { length }]) => ({ name, epoch: "e", oldest: 1, head: length }));
  const query = { node: parseQuery(text), caseSensitive: false };
  return { search: new Search({ api, past, channels, query, now: NOW, byIndex }), asked };
}

const many = (count, isHit) => Array.from({ length: count }, (_, at) => ({ time: at + 1, message: isHit(at) ? `needle ${at}` : `hay ${at}`, n: at }));

for (const index of [true, false])
  test(`all that is kept is looked through, the newest first, ${index ? "by its index" : "page by page"}`, async () => {
    const { search, asked } = searching({ logs: many(3_500, (at) => at % 1_000 === 7) }, "needle", { index });
    await search.go();
    assert.equal(search.state, "done");
    assert.deepEqual(search.hits.map(({ offset }) => offset), [3_008, 2_008, 1_008, 8]);
    assert.deepEqual([search.read, search.total], [3_500, 3_500]);
    assert.equal(search.isByIndex, index);
    assert.equal(asked.filter(([method]) => method === "search").length, 1);
  });

test("it rests when there is enough, and goes on where it was", async () => {
  const { search } = searching({ logs: many(5_000, (at) => at % 5 === 0) }, "needle");
  await search.go();
  assert.equal(search.state, "more");
  const before = search.hits.length;
  while (search.state === "more") await search.go();
  assert.ok(before < 1_000 && search.hits.length === 1_000);
  assert.equal(new Set(search.hits.map(({ offset }) => offset)).size, 1_000);
});

test("an index that has more to say is asked for what comes before", async () => {
  const { search, asked } = searching({ logs: many(1_000, (at) => at % 2 === 0) }, "needle", { index: true });
  do await search.go();
  while (search.state === "more");
  assert.equal(new Set(search.hits.map(({ offset }) => offset)).size, 500);
  assert.deepEqual([search.hits.length, asked.length], [500, 3]);
});

test("what the index cannot find goes by pages, and what it finds is tested again", async () => {
  const { search, asked } = searching({ logs: many(100, (at) => at < 10) }, "needle n>=8", { index: true });
  await search.go();
  assert.deepEqual(search.hits.map(({ shape }) => shape.message), ["needle 9", "needle 8"]);
  const other = searching({ logs: many(100, (at) => at < 10) }, "n:9", { index: true });
  await other.search.go();
  assert.equal(other.search.hits.length, 1);
  assert.deepEqual([asked.length, other.asked.length], [1, 0]);
  const inside = searching({ logs: many(100, (at) => at < 10) }, "eedle", { index: true, byIndex: false });
  await inside.search.go();
  assert.deepEqual([inside.search.hits.length, inside.asked.length], [10, 0]);
});

test("several channels are one list by time", async () => {
  const { search } = searching({ a: many(1_500, (at) => at === 1_400 || at === 3), b: many(1_500, (at) => at === 900) }, "needle");
  await search.go();
  assert.deepEqual(search.hits.map(({ channel, offset }) => `${channel} ${offset}`), ["a 1401", "b 901", "a 4"]);
});

test("it is stopped at once, and an error is said with what was found", async () => {
  const { search } = searching({ logs: many(5_000, (at) => at === 4_999) }, "needle");
  search.onChange = () => search.read > 0 && search.state === "searching" && search.stop();
  await search.go();
  assert.deepEqual([search.state, search.read], ["stopped", 1_000]);
  search.onChange = () => {};
  await search.go();
  assert.deepEqual([search.state, search.read], ["done", 5_000]);
  const failing = searching({ logs: many(10, () => true) }, "n:1");
  const { search: broken } = failing;
  Object.defineProperty(broken, "read", { get: () => 0, set: () => { throw new Error("away"); } });
  await broken.go();
  assert.deepEqual([broken.state, broken.error], ["failed", "away"]);
});

test("values of a field are counted bit by bit, and leave with their rows", () => {
  const store = storeOf(many(2 * SEGMENT, () => true).map((data, at) => ({ ...data, colour: at < SEGMENT ? "red" : at % 2 ? "blue" : "green" })), { maxRows: SEGMENT });
  const counts = new FieldCounts(store, "colour");
  let time = 0;
  counts.work(() => (time += 1));
  assert.ok(counts.progress > 0 && counts.progress < 1);
  while (counts.progress < 1) counts.work(() => time);
  assert.deepEqual(counts.top(5), [{ name: "red", count: SEGMENT }, { name: "blue", count: SEGMENT / 2 }, { name: "green", count: SEGMENT / 2 }]);
  store.trim();
  assert.deepEqual(counts.top(5), [{ name: "blue", count: SEGMENT / 2 }, { name: "green", count: SEGMENT / 2 }]);
  assert.equal(counts.progress, 1);
});

test("of very many values the first five hundred are told apart", () => {
  const counts = new FieldCounts(storeOf(many(1_000, () => true)), "n");
  counts.work(() => 0);
  assert.equal(counts.top(Infinity).length, 500);
  assert.equal(counts.others, 500);
});
