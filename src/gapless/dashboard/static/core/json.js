/**
 * JSON that keeps numbers exact. What a double cannot hold (1234567890123456789, 1e400) becomes an `Exact`, which
 * shows, compares and serialises as it was written; everything else is what `JSON.parse` makes of it.
 */

// Whether a text can hold such a number at all: only then it is worth to look at each.
const SUSPICIOUS = /[\d.]{17}|\d[eE]\+?\d{3}/;
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
  if (!SUSPICIOUS.test(text)) return JSON.parse(text);
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

/** Does a double hold this number, so that it is written again as the same digits? */
function isHeld(token) {
  const number = Number(token);
  if (!Number.isFinite(number)) return false;
  const digits = token.replace(/[eE].*$/, "").replace(/[-.]/g, "").replace(/^0+/, "");
  if (digits.length < 16) return true;
  const written = String(number);
  return written === token || trimmed(written) === trimmed(token);
}

function trimmed(token) {
  return token.includes(".") && !/[eE]/.test(token) ? token.replace(/\.?0+$/, "") : token;
}
