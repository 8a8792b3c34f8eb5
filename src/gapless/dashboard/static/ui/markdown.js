/**
 * Markdown as nodes: header block, headings, paragraphs, lists, quotes, tables, rules, fenced code; inline
 * code, emphasis and links. What it does not know, HTML above all, stays readable as text.
 */
import { make } from "../core/dom.js";
import { shown } from "../log/text.js";

const MAX_DEPTH = 8; // of lists and quotes in one another
const MAX_LINE = 10_000; // longer ones are text: some of these patterns take the square of the length
const FENCE = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*)$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3}(?:[-*+]|\d{1,9}[.)])\s{1,4})(.*)$/;
const DIVIDER = /^ {0,3}\|?(?:\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?$/;
const STARTS = [FENCE, HEADING, RULE, QUOTE, ITEM];
const INLINE = new RegExp(
  [
    /(?<ticks>`+)/,
    /\*\*(?=\S)(?<strong>[^*]{1,500})\*\*|__(?=\S)(?<bold>[^_]{1,500})__/,
    /\*(?=\S)(?<emphasis>[^*]{1,500})\*/,
    /\[(?<words>[^\]\n]{1,500})\]\((?<address>[^()\s]{1,2000})\)/,
    /\\(?<escaped>[!-/:-@[-`{-~])/,
  ]
    .map((pattern) => pattern.source)
    .join("|"),
  "g",
);

/** @returns {DocumentFragment} */
export function toNodes(text) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const end = lines[0].trim() === "---" ? lines.findIndex((line, at) => at > 0 && line.trim() === "---") : -1;
  const nodes = document.createDocumentFragment();
  if (end > 0) nodes.append(header(lines.slice(1, end)));
  nodes.append(...blocks(lines.slice(end + 1), 0));
  return nodes;
}

/** `name: value` lines before the text. */
function header(lines) {
  const rows = lines.filter((line) => line.trim()).map((line) => {
    const colon = line.indexOf(":");
    const [name, value] = colon < 0 ? ["", line] : [line.slice(0, colon), line.slice(colon + 1)];
    return make("tr", {}, make("th", { scope: "row" }, shown(name.trim())), make("td", {}, shown(value.trim())));
  });
  return make("table", { className: "header" }, make("tbody", {}, ...rows));
}

function* blocks(lines, depth) {
  for (let at = 0; at < lines.length; ) {
    const [node, taken] = lines[at].trim() ? block(lines, at, depth) : [null, 1];
    if (node) yield node;
    at += taken;
  }
}

/** The block that begins with a line, and how many lines it takes. */
function block(lines, at, depth) {
  const line = lines[at];
  if (line.length > MAX_LINE) return [make("p", {}, shown(line)), 1];
  if (FENCE.test(line)) return fence(lines, at);
  if (HEADING.test(line)) return [heading(line), 1];
  if (RULE.test(line)) return [make("hr"), 1];
  if (QUOTE.test(line) && depth < MAX_DEPTH) return quote(lines, at, depth);
  if (ITEM.test(line) && depth < MAX_DEPTH) return list(lines, at, depth);
  if (line.includes("|") && DIVIDER.test(lines[at + 1] ?? "")) return table(lines, at);
  const taken = 1 + run(lines, at + 1, (next) => next.trim() && !starts(next));
  return [make("p", {}, ...inline(lines.slice(at, at + taken).join("\n"))), taken];
}

function heading(line) {
  const [, marks, words] = HEADING.exec(line);
  return make(/** @type {"h1"} */ (`h${marks.length}`), {}, ...inline(words.trim().replace(/\s#+$/, "")));
}

function fence(lines, at) {
  const marks = FENCE.exec(lines[at])[1];
  const taken = run(lines, at + 1, (line) => !line.trim().startsWith(marks));
  const code = lines.slice(at + 1, at + 1 + taken).join("\n");
  return [make("pre", {}, make("code", {}, shown(code))), taken + 2];
}

function quote(lines, at, depth) {
  const taken = run(lines, at, (line) => QUOTE.test(line));
  const inner = lines.slice(at, at + taken).map((line) => line.replace(QUOTE, ""));
  return [make("blockquote", {}, ...blocks(inner, depth + 1)), taken];
}

function list(lines, at, depth) {
  const isOrdered = (line) => /^\s*\d/.test(line);
  const ordered = isOrdered(lines[at]);
  const items = [];
  let next = at;
  while (next < lines.length && ITEM.test(lines[next]) && isOrdered(lines[next]) === ordered) {
    const [, bullet, words] = ITEM.exec(lines[next]);
    const indent = " ".repeat(bullet.length);
    const belongs = (line, index) =>
      line.startsWith(indent) || (line.trim() ? !starts(line) : (lines[index + 1] ?? "").startsWith(indent));
    const taken = run(lines, next + 1, belongs);
    const inner = lines.slice(next + 1, next + 1 + taken).map((line) => line.replace(indent, ""));
    items.push(make("li", {}, ...tight([...blocks([words, ...inner], depth + 1)])));
    next += 1 + taken;
  }
  return [make(ordered ? "ol" : "ul", {}, ...items), next - at];
}

/** The first paragraph of an item is just its words. */
/** @param {any[]} nodes */
function tight([first, ...others]) {
  return first?.tagName === "P" ? [...first.childNodes, ...others] : [first ?? "", ...others];
}

function table(lines, at) {
  const taken = 2 + run(lines, at + 2, (line) => line.includes("|"));
  const row = (tag) => (line) => make("tr", {}, ...cells(line).map((cell) => make(tag, {}, ...inline(cell))));
  const body = lines.slice(at + 2, at + taken).map(row("td"));
  return [make("table", {}, make("thead", {}, row("th")(lines[at])), make("tbody", {}, ...body)), taken];
}

function cells(line) {
  const bare = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return bare.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function starts(line) {
  return line.length <= MAX_LINE && STARTS.some((pattern) => pattern.test(line));
}

/** How many lines from here pass the test, one after another. */
function run(lines, from, test) {
  let at = from;
  while (at < lines.length && test(lines[at], at)) at += 1;
  return at - from;
}

/** The nodes of what stands within a block. */
function inline(text) {
  const nodes = [];
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index < at) continue; // inside of code
    const [node, end] = span(text, found);
    if (!node) continue;
    nodes.push(shown(text.slice(at, found.index)), node);
    at = end;
  }
  return [...nodes, shown(text.slice(at))];
}

/** The node of one match, and where the text goes on; no node when it is but text. */
function span(text, { 0: all, index, groups }) {
  const { ticks, strong, bold, emphasis, words, address, escaped } = groups;
  const end = index + all.length;
  if (strong ?? bold) return [make("strong", {}, shown(strong ?? bold)), end];
  if (emphasis) return [make("em", {}, shown(emphasis)), end];
  if (words) return [link(words, address), end];
  if (escaped) return [shown(escaped), end];
  const close = text.indexOf(ticks, end);
  return close < 0 ? [null, end] : [make("code", {}, shown(text.slice(end, close).trim())), close + ticks.length];
}

/** Only addresses of the web become links; what they show is where they lead. */
function link(words, address) {
  if (!/^https?:\/\//i.test(address)) return shown(`${words} (${address})`);
  const rel = "noopener noreferrer nofollow";
  return make("a", { href: address, title: address, target: "_blank", rel }, shown(words));
}
