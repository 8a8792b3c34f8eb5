import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../src/gapless/dashboard/static/core/json.js";
import { toHighlights, toMatcher } from "../../src/gapless/dashboard/static/log/match.js";
import { parseQuery, plusTerm, QueryError, quote, withTerm } from "../../src/gapless/dashboard/static/log/query.js";
import { random, storeOf } from "./making.mjs";

const NOW = Date.UTC(2026, 4, 14, 12, 30);
const ROWS = [
  { time: "2026-05-14T12:00:00Z", level: "error", logger: "app.db", message: "Pool exhausted", source: "web-1", fields: { pool: 5, request_id: "9f2c" } },
  { time: "2026-05-14T12:10:00Z", level: "warning", logger: "app.http", message: "slow response", fields: { ms: 913, path: "/a b" } },
  { time: "2026-05-14T12:20:00Z", level: "info", logger: "app.worker", message: "job done", id: 81, tags: ["a", "b"] },
  { type: "next_cycle", time: "2026-05-14T12:25:00Z", data: { repo: "core", n: 3 } },
  "plain text, note: well (really)",
  { message: "m", exception: { type: "TimeoutError", text: "Traceback\nTimeoutError: deep inside" } },
];

/** The numbers, from 1, of the rows that a query finds. */
function found(query, options = {}, rows = ROWS) {
  const store = storeOf(rows);
  const matcher = toMatcher(parseQuery(query), store, { now: NOW, ...options });
  return rows.map((_, at) => at + 1).filter((number) => !matcher || matcher(store.segments[0], number - 1));
}

for (const [query, expected] of [
  ["", [1, 2, 3, 4, 5, 6]],
  ["pool", [1]],
  ["POOL", [1]],
  ['"job done"', [3]],
  ["job done", [3]],
  ["pool OR job", [1, 3]],
  ["-pool", [2, 3, 4, 5, 6]],
  ["NOT pool NOT job", [2, 4, 5, 6]],
  ["app (pool OR job)", [1, 3]],
  ["app AND job", [3]],
  ["level>=warning", [1, 2]],
  ["level:(error,info)", [1, 3]],
  ["level:none", [4, 5, 6]],
  ["level!=error", [2, 3, 4, 5, 6]],
  ["level<error level>=info", [2, 3]],
  ["logger:app.*", [1, 2, 3]],
  ["logger:app", []],
  ["logger:next_cycle", [4]],
  ["type:next_cycle", [4]],
  ["ch:logs", [1, 2, 3, 4, 5, 6]],
  ["ch:other", []],
  ["src:web-1", [1]],
  ["has:exc", [6]],
  ["has:ms", [2]],
  ["ms>500", [2]],
  ["fields.ms>500", [2]],
  ["ms>1000", []],
  ["ms!=913", []],
  ["pool:5", [1]],
  ["pool:(4,5)", [1]],
  ["data.repo:core", [4]],
  ["repo:core", [4]],
  ["id=81", [3]],
  ["tags:b", [3]],
  ['path:"/a b"', [2]],
  ["path:/a.b/", [2]],
  ["message~^job", [3]],
  ["/^pool/i", [1]],
  ["/^pool/", [1]], // words and expressions do not mind the case unless asked to
  ["9f2c", [1]], // what a row shows of its fields can be found
  ["pool=5", [1]],
  ["deep", [6]],
  ["after:12:05 before:12:15", undefined],
  ["note:", [5]],
  ["(really)", [5]],
  ['"(really)"', [5]],
  ["web-1", []], // the source is a colour, not a text of the row
  ["request_id", [1]],
  ["2026-05", []], // nor are times as they came
]) {
  if (expected === undefined) continue;
  test(`${query || "nothing"} finds ${expected.join(", ") || "none"}`, () => assert.deepEqual(found(query), expected));
}

test("case counts where it is asked for", () => {
  assert.deepEqual(found("POOL", { caseSensitive: true }), []);
  assert.deepEqual(found("Pool", { caseSensitive: true }), [1]);
});

test("times bound it", () => {
  const after = `after:"${new Date(Date.UTC(2026, 4, 14, 12, 5)).toISOString()}"`;
  const before = `before:${Date.UTC(2026, 4, 14, 12, 15)}`;
  assert.deepEqual(found(`${after} ${before}`), [2]);
  assert.deepEqual(found("after:10m"), [3, 4]);
});

test("integers that no double holds are told apart", () => {
  const rows = [parse('{"message":"a","id":1234567890123456789}'), parse('{"message":"b","id":1234567890123456788}')];
  assert.deepEqual(found("id:1234567890123456789", {}, rows), [1]);
  assert.deepEqual(found("id>1234567890123456788", {}, rows), [1]);
});

for (const [query, position] of [
  ['"open', 0], ["(a", 2], ["a)", 1], ["a OR", 4], ["level>=", 7], ["ms>", 3], ["/[/", 0], ["x~[", 0], ["level:(a", 8], ["()", 1], ["-", undefined],
])
  test(`${query} is wrong at ${position}`, () => {
    if (position === undefined) return assert.deepEqual(found(query), found('"-"'));
    assert.throws(() => parseQuery(query), (error) => error instanceof QueryError && error.position === position && error.message.length > 5);
  });

test("whatever is typed is a query or a QueryError", () => {
  const next = random(3);
  const pieces = ["a", '"', "(", ")", " ", "OR", "AND", "NOT", "-", ":", ">=", "~", "/", "[", "\\", "level", "has:", ",", "5", "é", "\n"];
  for (let round = 0; round < 5000; round += 1) {
    const text = Array.from({ length: Math.ceil(next() * 12) }, () => pieces[Math.floor(next() * pieces.length)]).join("");
    try {
      found(text);
    } catch (error) {
      assert.ok(error instanceof QueryError, `${JSON.stringify(text)}: ${error.stack}`);
      assert.ok(error.position >= 0 && error.position <= text.length, text);
    }
  }
});

test("brackets in one another end somewhere", () => {
  assert.throws(() => parseQuery("(".repeat(10_000)), QueryError);
});

test("what is looked for is highlighted, what is ruled out is not", () => {
  const highlights = toHighlights(parseQuery('pool -job "slow response" /x+/ level:error message:m'));
  assert.deepEqual(highlights.map((each) => each.source), ["pool", "slow response", "x+", "m"]);
});

test("terms are put into a query by click", () => {
  assert.equal(plusTerm("a", "b:c"), "a b:c");
  assert.equal(plusTerm("a OR b", "c"), "(a OR b) c");
  assert.equal(plusTerm("a b:c", "b:c"), "a b:c");
  assert.equal(withTerm("x level>=warning y", "level", "level>=error"), "x y level>=error");
  assert.equal(withTerm("level:(a,b)", "level", ""), "");
  assert.equal(withTerm("sublevel:3", "level", ""), "sublevel:3");
  for (const text of ["a", "a b", 'a"b', "a\\b", "(a)", "-a", "/a", "OR", "x:y", ""]) {
    const { value } = parseQuery(`x:${quote(text)}`).kind === "field" ? { value: parseQuery(`x:${quote(text)}`).values[0] } : {};
    assert.deepEqual(value, { kind: "text", text }, text);
  }
});
