/**
 * The fields beside the message of a row, names and values apart: each value in the colour of its type, an object to be
 * unfolded where it stands. Filled many times a second: nodes stay, their texts change.
 */
import { make } from "../core/dom.js";
import { count } from "../core/format.js";
import { Exact, inline } from "../core/json.js";
import { cut } from "./ansi.js";
import { fieldsOf } from "./shape.js";
import { hitsIn, nodesOf } from "./text.js";
import { isFoldable, toPath, unfoldedLines } from "./unfolding.js";

const FIELDS = 8;
export const CHARACTERS = 160; // of a name, of a value
const UNFOLDED_CHARACTERS = 500; // of a value that has a line of its own
const [FOLDED, OPEN] = ["▸ ", "▾ "];

/**
 * @param {HTMLElement} element
 * @param {[string, any][]} entries
 * @param {import("./row.js").Look} look
 * @param {Set<string>} open paths
 */
export function fillFields(element, entries, look, open) {
  const pairs = ordered(entries, look).slice(0, FIELDS).filter(([, value]) => value !== undefined);
  const { childNodes } = element;
  const fits = ([, value], at) => isFoldable(value) === /** @type {Element} */ (childNodes[2 * at + 1]).hasAttribute("role");
  if (childNodes.length !== 2 * pairs.length + 1 || !pairs.every(fits)) {
    const fresh = pairs.flatMap(([, value]) => [make("span", { className: "key" }), isFoldable(value) ? unfolder() : make("span")]);
    element.replaceChildren(...fresh, document.createTextNode("")); // an empty text is a node, too, when it is made as one
  }
  pairs.forEach(([name, value], at) => fillPair(childNodes[2 * at], childNodes[2 * at + 1], name, value, look, open));
  const rest = entries.length > FIELDS ? `  +${entries.length - FIELDS}` : "";
  if (childNodes[2 * pairs.length].nodeValue !== rest) childNodes[2 * pairs.length].nodeValue = rest;
}

/**
 * What is unfolded, below the row.
 * @param {HTMLElement} element
 * @param {[string, any][]} entries
 * @param {Set<string>} open paths
 * @param {import("./row.js").Look} look
 */
export function fillUnfolded(element, entries, open, look) {
  element.replaceChildren(...unfoldedLines(entries, open).map((line) => unfoldedLine(line, look)));
}

/** The fields of a row; of a publication that is nothing but an object, or a list, all of it. @returns {[string, any][]} */
export function entriesOf(data, { message }, isWhole) {
  return isWhole ? [["", data]] : fieldsOf(data, message);
}

/** What unfolds something, without its words. A button is a box, which the end of a row would cut off as a whole. */
export function unfolder() {
  return make("span", { className: "unfold", role: "button" });
}

/** Let it unfold what is at this path. @returns {string} its sign @param {Element} button @param {string} path @param {boolean} isOpen */
export function offerUnfolding(button, path, isOpen) {
  put(button, "data-unfold", path);
  put(button, "aria-expanded", String(isOpen));
  return isOpen ? OPEN : FOLDED;
}

/** Let an element say this by the nodes that it has, as far as they are alike: most rows are filled many times a second. */
export function say(element, nodes) {
  const { childNodes } = element;
  if (childNodes.length !== nodes.length || !nodes.every((node, at) => becomes(childNodes[at], node))) element.replaceChildren(...nodes);
}

/** Let a node say what another one would, if they differ in their text alone. @returns {boolean} does it? */
function becomes(there, node) {
  if (typeof node === "string") return there.nodeType === Node.TEXT_NODE && (write(there, node), true);
  const isAlike = there.nodeName === node.nodeName && there.className === node.className && hasTextAlone(there) && hasTextAlone(node);
  return isAlike && (write(there.firstChild, node.firstChild.data), true);
}

function write(text, words) {
  if (text.data !== words) text.data = words;
}

function hasTextAlone({ attributes, childNodes }) {
  return attributes?.length === 1 && childNodes.length === 1 && childNodes[0].nodeType === Node.TEXT_NODE;
}

/** Set an attribute that is not so already; "" takes it away. */
export function put(element, name, value) {
  if ((element.getAttribute(name) ?? "") === value) return;
  if (value) element.setAttribute(name, value);
  else element.removeAttribute(name);
}

export function firstLine(text) {
  const end = text.indexOf("\n");
  return end < 0 ? text : text.slice(0, end);
}

/** "string", "number", "boolean", "null" or "object": what it is coloured by. */
export function typeOf(value) {
  if (value === null) return "null";
  return value instanceof Exact ? "number" : typeof value;
}

/** What turns a colour on in one field does not go on into the next; what is found across name and value is marked as one. */
function fillPair(key, element, name, value, look, open) {
  const words = `  ${cut(name, CHARACTERS)}=`;
  if (isFoldable(value)) {
    const path = toPath([name]);
    const sign = offerUnfolding(element, path, open.has(path));
    say(key, nodesOf(words, look));
    return say(element, open.has(path) ? [sign + size(value)] : joined(sign, nodesOf(short(value, CHARACTERS), look)));
  }
  const text = short(value, CHARACTERS);
  const marked = [...look.pins, ...look.highlights];
  const isAcross = marked.length > 0 && hitsIn(words + text, marked).some(([from, to]) => from < words.length && to > words.length);
  say(key, isAcross ? [] : nodesOf(words, look));
  put(element, "class", `value ${typeOf(value)}`);
  return say(element, isAcross ? nodesOf(words + text, look) : nodesOf(text, look));
}

function unfoldedLine({ path, depth, name, value, state, rest }, look) {
  const line = make("div", {});
  line.style.paddingLeft = `${2 * depth}ch`;
  if (state === "rest") {
    line.append(make("span", { className: "unfold", role: "button", "data-open": "fields" }, `+${count(rest)} more`));
    return line;
  }
  const key = make("span", { className: "key" }, ...nodesOf(`${cut(name, CHARACTERS)}: `, look));
  if (state === "leaf") {
    line.append("  ", key, make("span", { className: `value ${typeOf(value)}` }, ...nodesOf(short(value, UNFOLDED_CHARACTERS), look)));
    return line;
  }
  const button = unfolder();
  const sign = offerUnfolding(button, path, state === "open");
  button.append(sign, key, ...(state === "open" ? [size(value)] : nodesOf(short(value, CHARACTERS), look)));
  line.append(button);
  return line;
}

/** One text, where it is nothing but text. */
function joined(sign, nodes) {
  return nodes.length === 1 && typeof nodes[0] === "string" ? [sign + nodes[0]] : [sign, ...nodes];
}

function size(value) {
  const members = count(Object.keys(value).length);
  return Array.isArray(value) ? `[${members}]` : `{${members}}`;
}

/** The beginning of its first line. */
function short(value, characters) {
  const text = inline(value) ?? "null";
  const start = cut(firstLine(text), characters);
  return start.length < text.length ? `${start}…` : start;
}

/** Fields that were asked for come first: what a query found is in sight. */
function ordered(entries, { highlights, paths }) {
  if (highlights.length === 0 && paths.length === 0) return entries;
  const wanted = new Set(entries.filter(([name, value]) =>
    paths.some((path) => path === name || path.endsWith(`.${name}`)) || (highlights.length > 0 && hitsIn(`${name}=${inline(value)}`, highlights).length > 0)));
  return wanted.size === 0 ? entries : [...wanted, ...entries.filter((entry) => !wanted.has(entry))];
}
