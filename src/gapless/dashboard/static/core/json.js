/**
 * JSON that keeps numbers exact. What a double cannot hold (1234567890123456789, 1e400) becomes an `Exact`, which
 * shows, compares and serialises as it was written; everything else is what `JSON.parse` makes of it.
 */

const LONG = 17; // digits and point, from which on a number may be more than a double holds
const LARGE = /\d[eE]\+?\d{3}/; // and from which exponent on
const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BEFORE = /[\s:,[]/; // a number
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARK = "\u0001exact:"; // no JSON text holds U+0001 unescaped, and nobody sends it escaped like this
const MARKED = /"\\u0001exact:([^"]*)"/g;
let seen = false; // without any, serialising needs no second look

export class Exact {
  /** @param {string} text of a JSON number */
  constructor(text) {
    this.text = text;
  }

  valueOf() {
    return Number(this.text);
  }

  toString() {
    return this.text;
  }

  toJSON() {
    return MARK + this.text;
  }
}

/** @param {string} text */
export function parse(text) {
  if (!isSuspicious(text)) return JSON.parse(text);
  let found = false;
  const marked = text.replace(TOKENS, (token) => {
    if (token[0] === '"' || isHeld(token)) return token;
    found = true;
    return `"\\u0001exact:${token}"`;
  });
  if (!found) return JSON.parse(text);
  seen = true;
  return JSON.parse(marked, (_, value) => {
    const isMarked = typeof value === "string" && value.startsWith(MARK);
    return isMarked ? new Exact(value.slice(MARK.length)) : value;
  });
}

/**
 * @param {any} value
 * @param {number} [indent]
 * @returns {string}
 */
export function stringify(value, indent) {
  const text = JSON.stringify(value ?? null, null, indent);
  return seen ? text.replace(MARKED, "$1") : text;
}

/** Text as it is, anything else as JSON. */
export function inline(value) {
  return typeof value === "string" ? value : stringify(value);
}

/** May a text hold such a number? Only then it is worth to look at each. What is long enough cannot lie between the characters that are looked at. */
function isSuspicious(text) {
  if (LARGE.test(text)) return true;
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigit(text.charCodeAt(at))) continue;
    let from = at;
    while (isDigit(text.charCodeAt(from - 1))) from -= 1;
    while (isDigit(text.charCodeAt(at))) at += 1;
    if (at - from >= LONG && !isHarmless(text, from, at)) return true;
  }
  return false;
}

function isDigit(code) {
  return (code >= 48 && code <= 57) || code === 46;
}

/** Do these digits stand within a string, or in a number that a double holds? */
function isHarmless(text, from, to) {
  const before = text[from - 1] === "-" ? from - 2 : from - 1;
  if (before >= 0 && !BEFORE.test(text[before])) return true;
  NUMBER.lastIndex = from;
  const [token] = NUMBER.exec(text) ?? [""];
  return from + token.length >= to && isHeld(token);
}

/** Does a double hold this number, so that it is written again as the same digits? */
function isHeld(token) {
  const number = Number(token);
  if (String(number) === token) return true;
  if (!Number.isFinite(number)) return false;
  const digits = token.replace(/[eE].*$/, "").replace(/[-.]/g, "").replace(/^0+/, "");
  if (digits.length < 16) return true;
  return trimmed(String(number)) === trimmed(token);
}

function trimmed(token) {
  return token.includes(".") && !/[eE]/.test(token) ? token.replace(/\.?0+$/, "") : token;
}
