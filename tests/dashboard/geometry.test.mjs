import assert from "node:assert/strict";
import { test } from "node:test";
import { Heights, linesOf, Scale } from "../../src/gapless/dashboard/static/log/geometry.js";

test("below the cap a scrollbar is as long as what it scrolls", () => {
  const scale = new Scale(10_000, 500, 8_000_000);
  assert.equal(scale.spacer, 10_000);
  assert.equal(scale.toContent(1234), 1234);
  assert.equal(scale.toScroll(1234), 1234);
  assert.equal(new Scale(100, 500).last, 0);
});

test("beyond it, both ends and the middle are still reached", () => {
  const scale = new Scale(20_000_000, 500, 8_000_000);
  assert.equal(scale.spacer, 8_000_000);
  assert.equal(scale.toContent(0), 0);
  assert.equal(scale.toContent(8_000_000 - 500), 20_000_000 - 500);
  assert.ok(Math.abs(scale.toContent(scale.toScroll(10_000_000)) - 10_000_000) < 0.01);
});

test("lines are counted by columns and newlines", () => {
  assert.equal(linesOf("", 10, 12), 1);
  assert.equal(linesOf("1234567890", 10, 12), 1);
  assert.equal(linesOf("12345678901", 10, 12), 2);
  assert.equal(linesOf("a\nb\n\nc", 10, 12), 4);
  assert.equal(linesOf("漢字漢字漢字", 10, 12), 2);
  assert.equal(linesOf("x".repeat(5_000_000), 10, 12), 12);
});

test("heights find what lies at an offset", () => {
  const heights = new Heights();
  const all = Array.from({ length: 3000 }, (_, at) => 20 * (1 + (at % 3)));
  all.forEach((height) => heights.push(height));
  let top = 0;
  all.forEach((height, at) => {
    assert.equal(heights.top(at), top);
    assert.equal(heights.at(top), at);
    assert.equal(heights.at(top + height - 1), at);
    top += height;
  });
  assert.equal(heights.at(1e9), 2999);
  assert.equal(new Heights().at(5), 0);
});
