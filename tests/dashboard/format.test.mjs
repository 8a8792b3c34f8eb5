import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "../../src/gapless/dashboard/static/core/format.js";

test("numbers are written as the browser writes them", () => {
  const words = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });
  for (const number of [0, 1, 12, 999, 1_000, 12_345, 123_456, 1_234_567, Number.MAX_SAFE_INTEGER, -7, -999, -1_000, -123_456, 1e21, 0.5, 1234.56789, NaN, Infinity])
    assert.equal(count(number), words.format(number));
  assert.equal(count("1234567890"), "1234567890");
});
