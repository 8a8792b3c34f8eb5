import assert from "node:assert/strict";
import { test } from "node:test";
import { describe, describeSources } from "../../src/gapless/dashboard/static/ui/status.js";

const NOW = 1_000_000;
const source = (name, state, since = NOW / 1_000 - 12) => ({ source: name, state, since });
const around = { retryAt: 0, wasUp: true, api: "open", channels: 1, online: true, lines: 3, now: NOW };

test("who feeds the hub is said in a few words, those in trouble first", () => {
  assert.deepEqual(describeSources([], NOW), { words: "", more: "", isTrouble: false });
  assert.deepEqual(describeSources([source("a", "up"), source("b", "idle")], NOW), { words: "1 source up", more: "", isTrouble: false });
  assert.deepEqual(describeSources([source("a", "idle"), source("b", "idle")], NOW), { words: "2 sources idle", more: "", isTrouble: false });
  const down = describeSources([source("a", "up"), { ...source("redis:main", "down"), error: "refused" }, source("b", "retrying", null)], NOW);
  assert.deepEqual([down.words, down.isTrouble], ["redis:main down 12 s, 1 more", true]);
  assert.match(down.more, /^redis:main: down since 1 Jan 1970 \d\d:16, refused\nb: retrying$/);
});

test("a feed that does not say since when it is down is not down since 1970", () => {
  assert.equal(describeSources([source("redis:main", "down", null)], NOW).words, "redis:main down");
});

test("what a source calls itself cannot steer the bar", () => {
  assert.ok(!describeSources([source("\u001b[2Jx", "down", null)], NOW).words.includes("\u001b"));
});

test("every state of the connection has its words", () => {
  const words = (state, more = {}) => describe(state, { ...around, behind: null, ...more }).words;
  assert.equal(words({ name: "connected" }), "Live");
  assert.equal(words({ name: "connected" }, { behind: { lines: 320, seconds: 3.2 } }), "Catching up: 3.2 s behind");
  assert.equal(words({ name: "connected" }, { behind: { lines: 1, seconds: null } }), "Catching up: 1 line behind");
  assert.equal(words({ name: "waiting", attempt: 3 }, { retryAt: NOW + 4_000 }), "Reconnecting (attempt 3, next in 4 s)");
  assert.equal(words({ name: "waiting", attempt: 1 }, { online: false }), "You are offline. 3 lines kept here");
  assert.equal(words({ name: "waiting" }, { api: "signed-out" }), "Signed out");
  assert.equal(words({ name: "closed", code: 3503, reason: "" }), "Disconnected: no reason given (3503)");
  assert.equal(words({ name: "connecting" }, { wasUp: false }), "Connecting…");
});
