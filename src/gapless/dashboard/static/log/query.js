/**
 * The query language: text to a tree, or to the place where it stops making sense.
 *
 *     query = or ;                        or = and { "OR" and } ;
 *     and   = unary { ["AND"] unary } ;   unary = ["-" | "NOT"] atom ;
 *     atom  = "(" or ")" | term ;         term = regex | quoted | word | field op value | "has:" path ;
 *     op    = ":" | "=" | "!=" | ">" | ">=" | "<" | "<=" | "~" ;
 *     value = quoted | word | regex | "(" value { "," value } ")" ;   regex = "/" pattern "/" ["i"] ;
 *
 * @typedef {{kind: "text", text: string}|{kind: "regex", pattern: string, flags: string}} Value
 * @typedef {{kind: "field", path: string, op: string, values: Value[]}} Field
 * @typedef {{kind: "all"}|{kind: "and"|"or", parts: Node[]}|{kind: "not", part: Node}|{kind: "match", value: Value}
 *   |Field|{kind: "has", path: string}} Node
 */

const MAX_DEPTH = 50;
const FIELD = /([A-Za-z_@][\w@.\-[\]]*)(!=|>=|<=|[:=><~])/y;
const WORD = /[^\s()"]+/y;
const LISTED = /[^\s(),"]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const REGEX = /\/((?:[^/\\\n]|\\.)+)\/(i?)(?=[\s(),]|$)/y;

export class QueryError extends Error {
  /** @param {string} message @param {number} position in the text, from 0 */
  constructor(message, position) {
    super(message);
    this.position = position;
  }
}

/**
 * @param {string} text
 * @returns {Node}
 * @throws {QueryError}
 */
export function parseQuery(text) {
  const parser = new Parser(text);
  parser.space();
  if (parser.isAtEnd()) return { kind: "all" };
  const node = parser.or(0);
  if (!parser.isAtEnd()) parser.fail('there is a ")" without its "("');
  return node;
}

/** Does this need quotes, to be one value in a query? */
export function quote(text) {
  return /^[^\s()",/][^\s()",]*$/.test(text) && !/^(OR|AND|NOT)$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/**
 * A query with a term on a field in place of what it said about that field on its top level.
 * @param {string} text @param {string} path @param {string} term "" to drop it
 */
export function withTerm(text, path, term) {
  const own = new RegExp(`(^|\\s)-?${path.replace(/[.[\]]/g, "\\$&")}(?:!=|>=|<=|[:=><~])(?:"(?:[^"\\\\]|\\\\.)*"|\\([^)]*\\)|[^\\s()"]+)(?=\\s|$)`, "g");
  const others = text.replace(own, "$1").replace(/\s+/g, " ").trim();
  return [others, term].filter(Boolean).join(" ");
}

/** A query that also says this, unless it does so already. */
export function plusTerm(text, term) {
  const words = text.trim();
  if (` ${words} `.includes(` ${term} `)) return words;
  return /(^|\s)OR(\s|$)/.test(words) ? `(${words}) ${term}` : `${words} ${term}`.trim();
}

class Parser {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  or(depth) {
    if (depth > MAX_DEPTH) this.fail("too many brackets in one another");
    const parts = [this.and(depth)];
    while (this.word("OR")) parts.push(this.and(depth));
    return parts.length === 1 ? parts[0] : { kind: "or", parts };
  }

  and(depth) {
    const parts = [this.unary(depth)];
    while (!this.isAtEnd() && this.text[this.at] !== ")" && !this.isNext("OR")) {
      this.word("AND");
      parts.push(this.unary(depth));
    }
    return parts.length === 1 ? parts[0] : { kind: "and", parts };
  }

  unary(depth) {
    let negative = false;
    for (;;) {
      if (this.word("NOT")) negative = !negative;
      else if (this.text[this.at] === "-" && /[^\s-]/.test(this.text[this.at + 1] ?? "")) {
        this.at += 1;
        negative = !negative;
      } else break;
    }
    const part = this.atom(depth);
    return negative ? { kind: "not", part } : part;
  }

  atom(depth) {
    if (this.isAtEnd()) this.fail("something to look for is missing here");
    if (this.text[this.at] === ")") this.fail("something to look for is missing before this");
    if (!this.take("(")) return this.term();
    const node = this.or(depth + 1);
    if (!this.take(")")) this.fail('a ")" is missing here');
    return node;
  }

  term() {
    const start = this.at;
    const field = this.match(FIELD);
    if (!field) return { kind: "match", value: this.value(WORD) };
    const [, path, op] = field;
    if (/[\s)]/.test(this.text[this.at] ?? " ")) {
      // "note:" at the end of a word is a word; a lone operator is a mistake.
      if (op === ":" && path !== "has") return this.wordFrom(start);
      this.fail(`a value is missing after ${path}${op}`);
    }
    if (path === "has" && op === ":") return { kind: "has", path: this.value(WORD).text ?? this.fail("a name is missing") };
    const values = this.text[this.at] === "(" ? this.list() : [this.value(WORD)];
    if (op === "~") return { kind: "field", path, op: ":", values: values.map((value) => this.asRegex(value, start)) };
    for (const value of values) if (value.kind === "regex") this.check(value, start);
    this.space();
    return { kind: "field", path, op, values };
  }

  wordFrom(start) {
    this.at = start;
    return { kind: "match", value: this.value(WORD) };
  }

  list() {
    this.take("(");
    const values = [];
    do values.push(this.value(LISTED));
    while (this.take(","));
    if (!this.take(")")) this.fail('a "," or ")" is missing in this list');
    return values;
  }

  value(word) {
    const start = this.at;
    const quoted = this.match(QUOTED);
    if (quoted) return this.done({ kind: "text", text: quoted[1].replace(/\\(.)/g, "$1") });
    if (this.text[this.at] === '"') this.fail("the closing quote is missing");
    const regex = this.match(REGEX);
    if (regex) return this.done(this.check({ kind: "regex", pattern: regex[1], flags: regex[2] }, start));
    const found = this.match(word);
    if (!found) this.fail("a value is missing here");
    return this.done({ kind: "text", text: found[0] });
  }

  asRegex(value, start) {
    return this.check(value.kind === "regex" ? value : { kind: "regex", pattern: value.text, flags: "" }, start);
  }

  check(value, start) {
    try {
      new RegExp(value.pattern, value.flags);
    } catch (error) {
      throw new QueryError(`not a regular expression: ${error.message.replace(/^Invalid regular expression: /, "")}`, start);
    }
    return value;
  }

  done(value) {
    this.space();
    return value;
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  isNext(word) {
    return this.text.startsWith(word, this.at) && /[\s()]|^$/.test(this.text[this.at + word.length] ?? "");
  }

  word(word) {
    if (!this.isNext(word)) return false;
    this.at += word.length;
    this.space();
    return true;
  }

  take(sign) {
    if (this.text[this.at] !== sign) return false;
    this.at += 1;
    this.space();
    return true;
  }

  space() {
    while (/\s/.test(this.text[this.at] ?? "")) this.at += 1;
  }

  isAtEnd() {
    return this.at >= this.text.length;
  }

  fail(message) {
    throw new QueryError(message, this.at);
  }
}
