import assert from "node:assert/strict";
import { test } from "node:test";
import { levelsIn } from "../../src/gapless/dashboard/static/log/match.js";
import { hasPattern, patient } from "../../src/gapless/dashboard/static/log/patience.js";
import { parseQuery } from "../../src/gapless/dashboard/static/log/query.js";

test("a test that is slow once is told once and asked no more", () => {
  let clock = 0;
  let asked = 0;
  const told = [];
  const costs = [1, 50, 51, 900];
  const test = patient(
    (segment, index) => {
      clock += costs[asked];
      asked += 1;
      return index === 1;
    },
    (milliseconds) => told.push(milliseconds),
    () => clock,
  );
  assert.deepEqual([0, 1, 2, 3, 4].map((index) => test(null, index)), [false, true, true, true, true]);
  assert.equal(asked, 3);
  assert.deepEqual(told, [51]);
});

for (const [query, expected] of [
  ["needle level>=info", false],
  ["/a+/", true],
  ["logger:app -(ms>5 OR /b/)", true],
  ["path~/a/", true],
  ["path:(one,two)", false],
])
  test(`${query} ${expected ? "may be slow" : "is never slow"}`, () => assert.equal(hasPattern(parseQuery(query)), expected));

for (const [query, expected] of [
  ["", [10, 20, 40]],
  ["needle", [10, 20, 40]],
  ["level>=error needle", [40]],
  ["-level:info -level:debug", [40]],
  ["-level:info -level:debug -level:error", []],
  ["-(level:info OR level:debug) logger:app", [40]],
  ["level:warning OR needle", [10, 20, 40]], // what it says of levels is not all it says
])
  test(`${JSON.stringify(query)} lets ${expected.length} levels pass`, () => assert.deepEqual(levelsIn(parseQuery(query), [10, 20, 40]), expected));
