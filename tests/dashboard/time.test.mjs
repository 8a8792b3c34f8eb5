import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, day, moment, parseTime, readTime, useZone, written, zoneName } from "../../src/gapless/dashboard/static/core/time.js";

const NOW = new Date(2026, 4, 14, 15, 0, 0).getTime();
const at = (...parts) => new Date(2026, 4, ...parts).getTime();

for (const [text, expected] of [
  ["14:05", at(14, 14, 5)],
  ["16:05", at(13, 16, 5)], // the last time the clock showed it
  ["today 16:05", at(14, 16, 5)],
  ["yesterday 17:30", at(13, 17, 30)],
  ["yesterday", at(13)],
  ["14:05:09.5", at(14, 14, 5, 9, 500)],
  ["3h ago", NOW - 3 * 3_600_000],
  ["15m", NOW - 15 * 60_000],
  ["90 min ago", NOW - 90 * 60_000],
  ["2d", NOW - 2 * 86_400_000],
  ["now", NOW],
  ["2026-05-14 09:00", at(14, 9)],
  ["2026-05-14T12:02:11.093Z", Date.UTC(2026, 4, 14, 12, 2, 11, 93)],
  ["1715688131", 1715688131000],
  ["1715688131093", 1715688131093],
  ["25:00", null],
  ["14:75", null],
  ["", null],
  ["soon", null],
])
  test(`${JSON.stringify(text)} is read as ${expected === null ? "nothing" : new Date(expected).toISOString()}`, () => {
    assert.equal(parseTime(text, NOW), expected);
  });

test("programs write times in many ways", () => {
  const time = Date.UTC(2026, 4, 14, 12, 2, 11, 93);
  assert.equal(readTime("2026-05-14T12:02:11.093Z"), time);
  assert.equal(readTime("2026-05-14 12:02:11,093+00:00"), time);
  assert.equal(readTime(time), time);
  assert.equal(readTime(time / 1000), time);
  assert.equal(Math.round(readTime(time * 1000)), time);
  assert.equal(Math.round(readTime(time * 1e6)), time);
  for (const nothing of ["", "soon", 0, -1, NaN, Infinity, null, undefined, {}, [], 1e300]) assert.equal(readTime(nothing), null);
});

test("times are written as the reader chose, and an unknown one not at all", () => {
  const time = Date.UTC(2026, 4, 14, 12, 2, 11, 93);
  assert.equal(written(time, "utc", { now: time, before: null }), "12:02:11.093");
  assert.equal(written(time, "iso", { now: time, before: null }), "2026-05-14T12:02:11.093Z");
  assert.equal(written(time, "relative", { now: time + 4_000, before: null }), "4 s ago");
  assert.equal(written(time, "delta", { now: time, before: time - 12 }), "+12 ms");
  assert.equal(written(time, "delta", { now: time, before: time + 1500 }), "−1.500 s");
  assert.equal(clock(NaN), "");
  assert.equal(clock(9e15), "");
});

test("a named zone is the reader's, also where it changes its clocks", () => {
  try {
    assert.ok(useZone("Europe/Berlin"));
    const winter = Date.UTC(2026, 2, 29, 0, 59, 59, 999);
    assert.equal(clock(winter), "01:59:59.999");
    assert.equal(clock(winter + 1), "03:00:00.000");
    assert.equal(day(Date.UTC(2026, 4, 14, 22, 30)), "2026-05-15");
    assert.equal(moment(Date.UTC(2026, 4, 14, 22, 30), winter), "15 May 00:30");
    assert.equal(zoneName(winter), "Berlin, UTC+1");
    assert.equal(zoneName(winter + 1), "Berlin, UTC+2");
    const noon = Date.UTC(2026, 4, 14, 10, 0);
    assert.equal(parseTime("11:30", noon), Date.UTC(2026, 4, 14, 9, 30));
    assert.equal(parseTime("12:30", noon), Date.UTC(2026, 4, 13, 10, 30));
    assert.equal(parseTime("yesterday", Date.UTC(2026, 2, 29, 12)), Date.UTC(2026, 2, 27, 23));
    assert.equal(parseTime("2026-01-14 09:00", noon), Date.UTC(2026, 0, 14, 8));
    assert.equal(parseTime("2026-01-14T09:00:00Z", noon), Date.UTC(2026, 0, 14, 9));
    assert.ok(useZone("Asia/Kathmandu"));
    assert.equal(clock(noon), "15:45:00.000");
    assert.equal(zoneName(noon), "Kathmandu, UTC+5:45");
    assert.equal(useZone("Europe/Atlantis"), false);
  } finally {
    useZone("");
  }
});

test("the last moment that a date can hold is written in every zone", () => {
  try {
    useZone("Asia/Tokyo");
    assert.equal(clock(8.64e15).length, 12);
    assert.equal(day(NaN), "");
  } finally {
    useZone("");
  }
});
