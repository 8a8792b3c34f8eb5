/**
 * Text from elsewhere, made safe to look at: what would steer a terminal, hide, or turn the direction of
 * writing is shown as a mark. Newlines and tabs stay.
 */
import { make } from "./dom.js";

const HIDDEN = new RegExp(
  [
    "\\x1b\\[[0-?]{0,64}[ -/]{0,16}[@-~]", // an escape sequence of a terminal (ECMA-48, CSI) as a whole
    "[\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f]", // controls, but tab and newline
    "[\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]", // turning the direction of writing
    "[\\xad\\u180e\\u200b\\u2028\\u2029\\u2060-\\u2065\\u206a-\\u206f\\ufeff\\ufff9-\\ufffb]", // invisible
    "[\\u{e0000}-\\u{e007f}\\ud800-\\udfff]", // tags; halves of surrogate pairs
  ].join("|"),
  "gu",
);

const CONTROLS =
  "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US";
const NAMES = {
  ...CONTROLS.split(" "), 0x7f: "DEL",
  0x061c: "ALM", 0x200b: "ZWSP", 0x200e: "LRM", 0x200f: "RLM", 0x202a: "LRE", 0x202b: "RLE", 0x202c: "PDF",
  0x202d: "LRO", 0x202e: "RLO", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0xfeff: "BOM",
};

/** Nodes that show `text`, hidden characters as marked elements. */
export function shown(text) {
  const nodes = document.createDocumentFragment();
  let at = 0;
  for (const found of normal(text).matchAll(HIDDEN)) {
    if (found.index > at) nodes.append(found.input.slice(at, found.index));
    nodes.append(make("span", { className: "hidden-mark", title: codes(found[0]) }, mark(found[0])));
    at = found.index + found[0].length;
  }
  nodes.append(normal(text).slice(at));
  return nodes;
}

/** The same as plain text, for places that take no elements: titles, attributes. */
export function plain(text) {
  return normal(text).replace(HIDDEN, mark);
}

/** `text`, or its beginning: at most so many characters and lines. Never half of a surrogate pair. */
export function cut(text, characters, lines = Infinity) {
  let end = Math.min(text.length, characters);
  for (let at = -1, line = 0; line < lines && (at = text.indexOf("\n", at + 1)) !== -1 && at < end; )
    if (++line === lines) end = at;
  if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1])) end -= 1;
  return text.slice(0, end);
}

function normal(text) {
  return String(text).replaceAll("\r\n", "\n");
}

function mark(hidden) {
  const code = hidden.codePointAt(0);
  const sequence = hidden.slice(String.fromCodePoint(code).length);
  return `⟨${NAMES[code] ?? hex(code)}${sequence}⟩`;
}

function codes(hidden) {
  return Array.from(hidden, (character) => `U+${hex(character.codePointAt(0))}`).join(" ");
}

function hex(code) {
  return code.toString(16).toUpperCase().padStart(4, "0");
}
