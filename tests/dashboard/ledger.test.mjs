import assert from "node:assert/strict";
import { test } from "node:test";
import { countRows } from "../../src/gapless/dashboard/static/log/histogram.js";
import { Ledger } from "../../src/gapless/dashboard/static/log/ledger.js";
import { backWords, completeness, gapWords, report } from "../../src/gapless/dashboard/static/log/words.js";
import { random, storeOf } from "./making.mjs";

const gap = (more) => ({ channel: "logs", kind: "lost", from: 1, to: 5, count: 5, epoch: "e", reason: "trimmed", time: 0, ...more });

test("stretches without a hole are joined, in whatever order they come", () => {
  const ledger = new Ledger();
  for (const offset of [5, 6, 7, 9, 1, 3, 2, 8, 8]) ledger.received("logs", "e", offset);
  assert.deepEqual(ledger.channels.get("logs").ranges, [[1, 3], [5, 9]]);
  ledger.received("logs", "e", 4);
  assert.deepEqual(ledger.channels.get("logs").ranges, [[1, 9]]);
});

test("any order gives the stretches of the set", () => {
  const next = random(11);
  for (let round = 0; round < 200; round += 1) {
    const ledger = new Ledger();
    const offsets = new Set();
    for (let n = 0; n < 40; n += 1) {
      const offset = 1 + Math.floor(next() * 30);
      offsets.add(offset);
      ledger.received("a", "e", offset);
    }
    const covered = ledger.channels.get("a").ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at));
    assert.deepEqual(covered, [...offsets].sort((one, other) => one - other));
  }
});

test("a new epoch starts anew", () => {
  const ledger = new Ledger();
  ledger.received("logs", "e", 5);
  ledger.received("logs", "f", 1);
  assert.deepEqual(ledger.channels.get("logs").ranges, [[1, 1]]);
});

test("the bar says what is so", () => {
  const ledger = new Ledger();
  assert.deepEqual(completeness(ledger.totals), { mark: "✔", kind: "whole", words: "nothing missing" });
  const unloaded = ledger.missed(gap({ kind: "unloaded", count: 12_345 }));
  assert.equal(completeness(ledger.totals).words, "12,345 not loaded");
  ledger.fetched(unloaded, 12_000);
  assert.equal(completeness(ledger.totals).words, "345 not loaded");
  ledger.missed(gap({ count: 410 }));
  assert.deepEqual(completeness(ledger.totals), { mark: "✖", kind: "lost", words: "410 lost, 345 not loaded" });
  ledger.fetched(unloaded, 345);
  assert.equal(completeness(ledger.totals).words, "410 lost");
  ledger.missed(gap({ count: null, reason: "interrupted" }));
  assert.equal(completeness(ledger.totals).words, "410 lost, 1 gap of unknown size");
});

test("each kind of gap has its words", () => {
  assert.equal(gapWords(gap({ kind: "unloaded", count: 1 })), "1 line not loaded (still on the server)");
  assert.equal(gapWords(gap({ count: 410 })), "410 lines lost: older than the server keeps");
  assert.match(gapWords(gap({ kind: "restart", count: null })), /cannot be proven/);
  assert.match(gapWords(gap({ count: null, reason: "disconnected" })), /may be missing/);
  assert.match(gapWords(gap({ count: 7, reason: "unnumbered" })), /^7 lines lost/);
  assert.match(gapWords(gap({ kind: "feeder", count: 87, reason: "debug 87" })), /^87 lines dropped.*debug 87/);
});

test("a return says what was recovered, and does not take new lines of a new life for it", () => {
  assert.equal(backWords({ milliseconds: 192_000, recovered: 18_204, lost: 0, unknown: false }), "Back after 3 min 12 s · 18,204 recovered · 0 missing");
  assert.equal(backWords({ milliseconds: 12_000, recovered: 0, fresh: 4, lost: 0, unknown: true }), "Back after 12 s · 4 new lines of a new life of the channel · what was missed is not known");
});

test("the notes are bounded, and none is forgotten in the sums", () => {
  const ledger = new Ledger();
  for (let n = 0; n < 700; n += 1) ledger.missed(gap({ count: 2 }));
  assert.equal(ledger.gaps.length, 500);
  assert.equal(ledger.totals.lost, 1400);
  assert.equal(ledger.totals.gaps, 700);
});

test("the report holds every channel and gap", () => {
  const ledger = new Ledger();
  ledger.received("logs", "e", 1);
  ledger.missed(gap());
  const text = report(ledger, { url: "http://x/", now: 0 });
  assert.match(text, /logs: 1 line, epoch e, offsets 1/);
  assert.match(text, /5 lines lost/);
});

test("rows are counted by time and level", () => {
  const store = storeOf([{ message: "a", time: 1e12, level: "error" }, { message: "b", time: 1e12 + 999 }, { message: "c", time: 1e12 + 1000 }, "no time", { message: "later", time: 1e12 + 120_000 }]);
  const parts = [{ segment: store.segments[0], indices: null }];
  const { counts, total, most } = countRows(parts, 1e12, 1e12 + 120_000, 120);
  assert.equal(total, 3);
  assert.equal(most, 2);
  assert.deepEqual([...counts.slice(0, 8)], [1, 0, 0, 0, 0, 0, 1, 0]);
  assert.equal(countRows([{ segment: store.segments[0], indices: [2] }], 1e12, 1e12 + 120_000, 120).total, 1);
});
