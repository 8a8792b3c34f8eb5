import assert from "node:assert/strict";
import { test } from "node:test";
import { colour256, contrast, cut, luminance, plain, readable, segments } from "../../src/gapless/dashboard/static/log/ansi.js";
import { random } from "./making.mjs";

const styles = (text) => segments(text).map(({ text, style }) => [text, style]);

test("colours and attributes become styles", () => {
  assert.deepEqual(styles("a \x1b[31mred\x1b[0m b"), [["a ", null], ["red", { fg: 1, bg: null }], [" b", null]]);
  assert.deepEqual(styles("\x1b[1;4;93;41mx\x1b[22;24mY\x1b[39;49mz"), [
    ["x", { fg: 11, bg: 1, bold: true, underline: true }], ["Y", { fg: 11, bg: 1 }], ["z", null],
  ]);
  assert.deepEqual(styles("\x1b[38;5;208mo\x1b[48;2;1;2;3mp\x1b[mq"), [
    ["o", { fg: [255, 135, 0], bg: null }], ["p", { fg: [255, 135, 0], bg: [1, 2, 3] }], ["q", null],
  ]);
});

test("what is no colour is ignored, and takes nothing with it", () => {
  for (const text of ["\x1b[38;5;999mx", "\x1b[38;2;1;2mx", "\x1b[38mx", "\x1b[777mx", "\x1b[;;mx", "\x1b[48;5mx"])
    assert.equal(segments(text).map((segment) => segment.text).join(""), "x", JSON.stringify(text));
});

test("a link shows its words, and only addresses of the web are kept", () => {
  const [link, rest] = segments("\x1b]8;;https://example.org/a\x1b\\words\x1b]8;;\x07 more");
  assert.deepEqual([link.text, link.link, rest.text, rest.link], ["words", "https://example.org/a", " more", ""]);
  for (const address of ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x"])
    assert.equal(segments(`\x1b]8;;${address}\x07words`)[0].link, "");
});

test("every other sequence and whatever hides becomes a mark", () => {
  assert.equal(plain("a\x1b[2Jb\x07c\u202ed\u200be\x9bf\0g\x7f"), "a␛[2Jb␇c⟨RLO⟩d⟨ZWSP⟩e⟨009B⟩f␀g␡");
  assert.equal(plain("\x1b]52;c;aGVsbG8=\x07x"), "␛]52;c;aGVsbG8=x");
  assert.equal(plain("\ud800x\udc00"), "⟨D800⟩x⟨DC00⟩");
  assert.equal(plain("a\r\nb\tc"), "a\nb\tc");
});

test("whatever comes in, nothing that steers comes out", () => {
  const next = random(7);
  const alphabet = ["\x1b", "[", "]", "8", ";", "m", "3", "1", "\x07", "\\", "a", "\u202e", "\u2066", "\0", "\x9b", "\ud83d", "\ude00", "?", "\n", "é", "漢"];
  for (let round = 0; round < 3000; round += 1) {
    const text = Array.from({ length: 30 }, () => alphabet[Math.floor(next() * alphabet.length)]).join("");
    const shown = segments(text).map((segment) => segment.text).join("");
    assert.doesNotMatch(shown, /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/, JSON.stringify(text));
  }
});

test("five million characters are no trouble", () => {
  const started = performance.now();
  assert.ok(segments(`${"x\x1b[31m".repeat(800_000)}`).length > 0);
  assert.ok(segments(`${"\x1b]".repeat(300_000)}`).length > 0);
  assert.ok(performance.now() - started < 60_000); // quadratic time would take hours
});

test("text is cut between characters", () => {
  assert.equal(cut("a😀b", 2), "a");
  assert.equal(cut("a😀b", 3), "a😀");
  assert.equal(cut("a\nb\nc", 100, 2), "a\nb");
});

test("each of the 256 colours can be read on both grounds", () => {
  for (const [dark, ground] of [[true, 0.008], [false, 1]])
    for (let number = 16; number < 256; number += 1)
      assert.ok(contrast(luminance(readable(colour256(number), dark)), ground) >= 3, `${number}`);
});
