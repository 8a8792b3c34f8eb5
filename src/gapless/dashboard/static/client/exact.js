/**
 * Whole numbers of any size, read and written without rounding. (`JSON.parse` makes a double of each.)
 */

// Such a number is marked as text, to be found when the values are made: nobody sends U+0001 and this.
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const isMarked = (value) => typeof value === "string" && value.startsWith("\u0001exact:");
const isRounded = (token) => /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token));

/** What reads a text, with `make` of the digits of each number that would be rounded. */
const reading = (make) => (text) => {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const marked = text.replace(TOKENS, (token) => (isRounded(token) ? `"\\u0001exact:${token}"` : token));
  return JSON.parse(marked, (_, value) => (isMarked(value) ? make(value.slice(7)) : value));
};

const READERS = { bigint: reading(BigInt), string: reading(String) };

/** As `JSON.stringify`; a BigInt is a number. */
function stringify(value) {
  const text = JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `\u0001exact:${part}` : part));
  return text.replace(/"\\u0001exact:(-?\d+)"/g, "$1");
}

/** Stands for `JSON`. `as` says what a number becomes that would be rounded: "bigint" or "string". */
export function exactly(as) {
  if (!READERS[as]) throw new Error(`integers is "bigint" or "string", not ${as}`);
  return { parse: READERS[as], stringify };
}
