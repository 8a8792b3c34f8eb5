import assert from "node:assert/strict";
import { test } from "node:test";
import { Exact, parse, stringify } from "../../src/gapless/dashboard/static/core/json.js";

test("a number that no double holds stays what it was", () => {
  const text = '{"id":1234567890123456789,"ns":[1715688131093000001],"big":1e400,"pi":3.14159265358979323846}';
  const data = parse(text);
  assert.ok(data.id instanceof Exact);
  assert.equal(`${data.id}`, "1234567890123456789");
  assert.equal(stringify(data), text);
});

test("what a double holds is a number", () => {
  assert.deepEqual(parse('{"a":9007199254740991,"b":-0.5,"c":1e21,"d":1715688131.093123,"e":12345678901234567000}'), {
    a: 9007199254740991, b: -0.5, c: 1e21, d: 1715688131.093123, e: 12345678901234567000,
  });
});

test("digits in strings and keys are left alone", () => {
  const text = '{"1234567890123456789":"x 1234567890123456789 \\" 1234567890123456789","n":1234567890123456789}';
  assert.equal(stringify(parse(text)), text);
});

test("what is no JSON is an error, with and without large numbers", () => {
  for (const text of ["", "{", '{"a":1234567890123456789,}', "nothing"]) assert.throws(() => parse(text), SyntaxError);
});

test("indented text keeps exact numbers, too", () => {
  assert.equal(stringify(parse('{"a":1234567890123456789}'), 2), '{\n  "a": 1234567890123456789\n}');
});

test("a number is kept exact wherever it stands, however long the text around it is", () => {
  for (let before = 0; before < 40; before += 1)
    for (const number of ["12345678901234567", "-1234567890123456789", "1234567890.12345678", "1e400", "-12345678901234567890e3"]) {
      const text = `{"a":"${"x".repeat(before)}","b":[0.1234567890123456,${number}]}`;
      assert.equal(stringify(parse(text)), text);
      assert.ok(parse(text).b[1] instanceof Exact, text);
      assert.ok(parse(`${" ".repeat(before)}${number}`) instanceof Exact);
    }
});

test("long digits that a double holds, or that stand in strings, are what JSON.parse makes of them", () => {
  const text = '{"t":1715688131.0931234,"id":"1234567890123456789","trace":"req-12345678901234567890","of 12345678901234567890":[-0.12345678901234568,1e21]}';
  assert.deepEqual(parse(text), JSON.parse(text));
  const data = parse(`[${text},1234567890123456789]`);
  assert.deepEqual(data[0], JSON.parse(text));
  assert.ok(data[1] instanceof Exact);
});
