import assert from "node:assert/strict";
import { test } from "node:test";
import { derive, fill, kindOf, languageOf } from "../../src/gapless/dashboard/static/board/derive.js";
import { valueAt } from "../../src/gapless/dashboard/static/log/shape.js";

const sample = (name, last, types = []) => ({ name, kind: kindOf(name), last, types });

test("names say what a channel most likely holds", () => {
  assert.deepEqual(["app:stats", "logs", "codeworm:events", "orders:7"].map(kindOf), ["stats", "logs", "events", "events"]);
});

test("numbers, objects of numbers, event types and logs become tiles", () => {
  const tiles = derive([
    sample("app:stats", { time: 1, total: 81, by_repo: { core: 12, web: 3 }, jobs: { failed: 2, ok: 5 } }),
    sample("app:events", { type: "deploy" }, ["deploy", "rollback"]),
    sample("app:logs", undefined),
  ]);
  assert.deepEqual(tiles.map(({ tile, field, where, channel }) => [tile, field ?? where ?? channel]), [
    ["number", "total"], ["breakdown", "by_repo"], ["breakdown", "jobs"],
    ["latest", "type:deploy"], ["latest", "type:rollback"], ["log", "app:logs"],
  ]);
});

test("a documentation worker gets its own board, whatever its prefix and its names for things", () => {
  for (const [prefix, committed] of [["codeworm:", "documentation_committed"], ["", "documented"]]) {
    const tiles = derive([
      sample(`${prefix}stats`, { total_documented: 5, by_language: { python: 5 } }),
      sample(`${prefix}events`, { type: committed }, ["cycle_starting", committed]),
      sample(`${prefix}logs`, undefined),
    ]);
    assert.deepEqual(tiles.map(({ tile, label }) => [tile, label]), [
      ["activity", "Now"], ["countdown", "Next cycle"], ["number", "Total documented"], ["breakdown", "By repository"],
      ["breakdown", "By language"], ["feed", "Recent pages"], ["log", "Log"],
    ]);
    assert.ok(tiles.every(({ channel }) => channel.startsWith(prefix)));
  }
});

test("nothing gives no tiles", () => assert.deepEqual(derive([]), []));

test("a type that needs quotes has them", () => {
  const [tile] = derive([sample("events", { type: 'a "b"' }, ['a "b"'])]);
  assert.equal(tile.where, 'type:"a \\"b\\""');
});

test("templates take values by their paths", () => {
  const data = { type: "t", data: { name: "f()", n: 0, deep: { a: 1 } } };
  assert.equal(fill("{data.name} {data.n} {data.deep.a} {data.deep} {nothing}!", (path) => valueAt(data, path)), "f() 0 1 … !");
});

test("languages are named, or told by the ending of a file", () => {
  assert.equal(languageOf({ language: "python" }), "python");
  assert.equal(languageOf({ file: "src/a.py" }), "Python");
  assert.equal(languageOf({ file_path: "x.zig" }), "zig");
  assert.equal(languageOf({}), undefined);
});
