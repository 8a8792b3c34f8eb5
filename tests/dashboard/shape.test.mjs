import assert from "node:assert/strict";
import { test } from "node:test";
import { parse, stringify } from "../../src/gapless/dashboard/static/core/json.js";
import { guessLevel } from "../../src/gapless/dashboard/static/log/levels.js";
import { dataOf, exceptionOf, fieldsOf, pageOf, toShape, valueAt } from "../../src/gapless/dashboard/static/log/shape.js";

const TIME = Date.UTC(2026, 4, 14, 12, 2, 11, 93);
const ISO = "2026-05-14T12:02:11.093Z";

/** What a reader sees of it. */
function seen(data) {
  const { time, level, logger, message } = toShape(data);
  return { time, level, logger, message, fields: Object.fromEntries(fieldsOf(data, message)) };
}

test("a log record", () => {
  const data = { time: ISO, level: "error", logger: "app.db", message: "pool exhausted", source: "web-1", fields: { pool: 5 } };
  assert.deepEqual(seen(data), { time: TIME, level: 40, logger: "app.db", message: "pool exhausted", fields: { pool: 5 } });
  assert.equal(toShape(data).source, "web-1");
});

test("structlog, pino, a logfmt line and a documentation worker", () => {
  assert.deepEqual(seen({ event: "pool exhausted", timestamp: ISO, level: "warning", logger: "app", pool: 5 }), {
    time: TIME, level: 30, logger: "app", message: "pool exhausted", fields: { pool: 5 },
  });
  assert.deepEqual(seen({ level: 30, time: TIME, pid: 7, hostname: "web-1", msg: "hello" }), {
    time: TIME, level: 30, logger: "", message: "hello", fields: { pid: 7 },
  });
  assert.deepEqual(seen({ ts: ISO, lvl: "wrn", msg: "slow", ms: "913" }), {
    time: TIME, level: 30, logger: "", message: "slow", fields: { ms: "913" },
  });
  assert.deepEqual(seen({ event: "analyzing f", timestamp: ISO, log_level: "info", component: "daemon", repo: "core" }), {
    time: TIME, level: 20, logger: "daemon", message: "analyzing f", fields: { repo: "core" },
  });
});

test("an event shows its type and its headline", () => {
  const data = { type: "documentation_committed", timestamp: ISO, data: { name: "f", repo: "core", page: "# f" } };
  assert.deepEqual(seen(data), { time: TIME, level: 0, logger: "documentation_committed", message: "f", fields: { repo: "core" } });
  assert.equal(pageOf(data), "# f");
  assert.equal(pageOf({ message: "f" }), null);
});

test("anything else is one row with its JSON, or its text", () => {
  assert.equal(toShape({ a: 1 }).message, '{"a":1}');
  assert.deepEqual(fieldsOf([1], "[1]"), []);
  assert.equal(toShape([1, 2]).message, "[1,2]");
  assert.equal(toShape(null).message, "null");
  assert.equal(toShape("a line\r\n").message, "a line");
  assert.equal(toShape(7).message, "7");
});

test("a publication is put together again as it was, in the order of its keys", () => {
  for (const data of [
    { time: ISO, message: "m", level: "info", extra: { message: 0 } },
    { event: "e", msg: "first of the aliases", z: 1, a: 2 },
    { type: "t", data: { name: "n" } },
    "text", 5, null, [1], {},
  ]) {
    const { rest, message, messageKey } = toShape(data);
    assert.equal(stringify(dataOf(rest, message, messageKey, parse)), stringify(data));
  }
});

test("an exception in each of its forms", () => {
  const text = "Traceback (most recent call last):\n  …\nTimeoutError: pool";
  assert.deepEqual(exceptionOf({ exception: { type: "TimeoutError", message: "pool", text, frames: [] } }), {
    type: "TimeoutError", message: "pool", text, frames: [],
  });
  assert.equal(exceptionOf({ exc_info: text }).message, "TimeoutError: pool");
  assert.equal(exceptionOf({ exception: null, error: "just words" }), null);
  assert.equal(toShape({ message: "m", exception: text }).hasException, true);
});

test("paths look at the top, then below fields, then below data", () => {
  const data = { ms: 1, fields: { ms: 2, a: { b: 3 } }, data: { repo: "core", "x.y": 4 } };
  assert.equal(valueAt(data, "ms"), 1);
  assert.equal(valueAt(data, "fields.ms"), 2);
  assert.equal(valueAt(data, "a.b"), 3);
  assert.equal(valueAt(data, "data.repo"), "core");
  assert.equal(valueAt(data, "repo"), "core");
  assert.equal(valueAt(data, "x.y"), 4);
  assert.equal(valueAt(data, "constructor"), undefined);
  assert.equal(valueAt("text", "a"), undefined);
});

for (const [text, rank] of [
  ["ERROR something", 40], ["[WRN] slow", 30], ["warning: old", 30], ["2026-05-14 12:00:00 | INFO | x", 20],
  ["<critical> x", 50], ["no error here", 0], ["terror: x", 0], ["an information desk", 0], [`${" ".repeat(70)}ERROR`, 0],
])
  test(`the level of ${JSON.stringify(text.trim())} is guessed as ${rank}`, () => assert.equal(guessLevel(text), rank));

test("names that any object has are no fields of a publication", () => {
  assert.equal(toShape(JSON.parse('{"__proto__":{"message":"x"},"level":"info"}')).level, 20);
});
