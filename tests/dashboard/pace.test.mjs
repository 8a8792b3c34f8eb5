import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Pace } from "../../src/gapless/dashboard/static/log/pace.js";

const FRAME_MS = 10;
let now = 0;

/** A document's clock, that a test moves on. */
beforeEach(() => {
  now = 0;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(performance, "now", () => now);
  globalThis.requestAnimationFrame = (paint) => /** @type {any} */ (setTimeout(paint, FRAME_MS - (now % FRAME_MS)));
  globalThis.cancelAnimationFrame = (frame) => clearTimeout(frame);
});

function pass(milliseconds, each = () => {}) {
  for (let left = milliseconds; left > 0; left -= 1) {
    each();
    now += 1;
    mock.timers.tick(1);
  }
}

function painted() {
  const times = [];
  const pace = new Pace(() => (pace.begin(), times.push(now)));
  return { pace, times };
}

test("what comes after a while is painted in the next frame", () => {
  const { pace, times } = painted();
  pace.inTime();
  pass(100);
  pace.inTime();
  pass(100);
  assert.deepEqual(times, [10, 110]);
});

test("what comes all the time is painted 20 to 25 times a second, and the last of it, too", () => {
  const { pace, times } = painted();
  pass(1_000, () => pace.inTime());
  assert.equal(times.length, 20);
  pass(60);
  assert.equal(times.length, 21);
  pass(1_000);
  assert.equal(times.length, 21);
});

test("what the reader does is painted in the next frame, and takes with it what waits", () => {
  const { pace, times } = painted();
  pace.inTime();
  pass(12);
  pace.inTime();
  pace.soon();
  pace.soon();
  pass(200);
  assert.deepEqual(times, [10, 20]);
});
