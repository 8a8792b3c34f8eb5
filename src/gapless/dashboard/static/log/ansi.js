/**
 * Text from elsewhere as segments that are safe to show. SGR colours become styles; links (OSC 8) keep their words;
 * every other escape sequence, control, invisible or direction-turning character becomes a mark. Nothing is obeyed.
 *
 * @typedef {{text: string, style: Style|null, mark: string, link: string}} Segment
 *   `mark`: the code points, where the text stands for something hidden, else ""
 * @typedef {{fg: Colour|null, bg: Colour|null, bold?: boolean, dim?: boolean, italic?: boolean, underline?: boolean,
 *   inverse?: boolean, strike?: boolean}} Style
 * @typedef {number|[number, number, number]} Colour one of 16, or red, green and blue
 */

const HIDDEN = new RegExp(
  [
    "\\x1b\\][^\\x07\\x1b\\n]{0,4096}(?:\\x07|\\x1b\\\\)", // an operating system command as a whole
    "\\x1b\\[[0-?]{0,64}[ -/]{0,16}[@-~]", // a control sequence (ECMA-48) as a whole
    "[\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f]", // controls, but tab and newline
    "[\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]", // turning the direction of writing
    "[\\xad\\u180e\\u200b\\u2028\\u2029\\u2060-\\u2065\\u206a-\\u206f\\ufeff\\ufff9-\\ufffb]", // invisible
    "[\\u{e0000}-\\u{e007f}\\ud800-\\udfff]", // tags; halves of surrogate pairs
  ].join("|"),
  "gu",
);
const PLAIN = /^[\t\n -~\xa1-\xac\xae-\u05ff]*$/; // nothing of the above can be in it
const NAMES = {
  0x061c: "ALM", 0x00ad: "SHY", 0x200b: "ZWSP", 0x200e: "LRM", 0x200f: "RLM", 0x202a: "LRE", 0x202b: "RLE",
  0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0xfeff: "BOM",
};
const FLAGS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const CLEARED = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };
const CUBE = [0, 95, 135, 175, 215, 255];

/** Can this text be shown as it is, without a look at each character? */
export function isPlainText(text) {
  return PLAIN.test(text);
}

/** @param {string} text @returns {Segment[]} */
export function segments(text) {
  const normal = text.includes("\r") ? text.replaceAll("\r\n", "\n") : text;
  if (PLAIN.test(normal)) return normal ? [{ text: normal, style: null, mark: "", link: "" }] : [];
  const found = [];
  let style = null;
  let link = "";
  let at = 0;
  const push = (text, mark) => text && found.push({ text, style, mark, link });
  for (const { 0: hidden, index } of normal.matchAll(HIDDEN)) {
    push(normal.slice(at, index), "");
    at = index + hidden.length;
    const sgr = /^\x1b\[([\d;:]*)m$/.exec(hidden);
    const osc = /^\x1b\]8;[^;]*;(.*?)(?:\x07|\x1b\\)$/s.exec(hidden);
    if (sgr) style = styled(style, sgr[1]);
    else if (osc) link = /^https?:\/\//i.test(osc[1]) ? osc[1] : "";
    else push(markOf(hidden), codesOf(hidden));
  }
  push(normal.slice(at), "");
  return found;
}

/** The text alone, hidden characters as marks: for titles, and for those who search what they see. */
export function plain(text) {
  return isPlainText(text) ? text : segments(text).map((segment) => segment.text).join("");
}

/** `text`, or its beginning: at most so many characters and lines. Never half of a surrogate pair. */
export function cut(text, characters, lines = Infinity) {
  let end = Math.min(text.length, characters);
  for (let at = -1, line = 0; line < lines && (at = text.indexOf("\n", at + 1)) !== -1 && at < end; )
    if (++line === lines) end = at;
  if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1])) end -= 1;
  return text.slice(0, end);
}

/** Red, green and blue of one of the 256 colours; the first 16 stay numbers, the theme draws them. */
export function colour256(number) {
  if (number < 16) return number;
  if (number >= 232) return [8, 8, 8].map((base) => base + 10 * (number - 232));
  const index = number - 16;
  return [CUBE[Math.floor(index / 36)], CUBE[Math.floor(index / 6) % 6], CUBE[index % 6]];
}

/**
 * A colour made lighter or darker until it stands out from its ground, at 3:1.
 * @param {[number, number, number]} rgb
 * @param {boolean} dark is the ground
 */
export function readable(rgb, dark) {
  const ground = dark ? 0.008 : 1;
  const goal = dark ? 255 : 0;
  const nearer = (part) => Math.round(part + (goal - part) * 0.15);
  let [red, green, blue] = rgb;
  for (let step = 0; step < 20 && contrast(luminance([red, green, blue]), ground) < 3; step += 1)
    [red, green, blue] = [nearer(red), nearer(green), nearer(blue)];
  return [red, green, blue];
}

export function contrast(one, other) {
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

export function luminance([red, green, blue]) {
  const [r, g, b] = [red, green, blue].map((part) => {
    const share = part / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** The style after these parameters of an SGR sequence; null: as it is without any. */
function styled(style, parameters) {
  const codes = parameters.split(/[;:]/).map(Number);
  let next = { fg: null, bg: null, ...style };
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at];
    if (code === 0) next = { fg: null, bg: null };
    else if (FLAGS[code]) next[FLAGS[code]] = true;
    else if (CLEARED[code]) for (const name of CLEARED[code]) delete next[name];
    else if (code === 38 || code === 48) {
      const [colour, taken] = extended(codes.slice(at + 1));
      if (colour !== null) next[code === 38 ? "fg" : "bg"] = colour;
      at += taken;
    } else if (code >= 30 && code <= 37) next.fg = code - 30;
    else if (code >= 90 && code <= 97) next.fg = code - 82;
    else if (code === 39) next.fg = null;
    else if (code >= 40 && code <= 47) next.bg = code - 40;
    else if (code >= 100 && code <= 107) next.bg = code - 92;
    else if (code === 49) next.bg = null;
  }
  return next.fg === null && next.bg === null && Object.keys(next).length === 2 ? null : next;
}

function extended([kind, ...codes]) {
  const isByte = (code) => Number.isInteger(code) && code >= 0 && code <= 255;
  if (kind === 5) return [isByte(codes[0]) ? colour256(codes[0]) : null, 2];
  if (kind !== 2) return [null, 1];
  const rgb = codes.slice(0, 3);
  return [rgb.length === 3 && rgb.every(isByte) ? rgb : null, 4];
}

function markOf(hidden) {
  const code = hidden.codePointAt(0);
  const rest = hidden.slice(String.fromCodePoint(code).length).replace(/[\x07\x1b].*$/s, "");
  if (code < 0x20 && rest === "") return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  if (code < 0x20) return `␛${plain(rest.length > 24 ? `${cut(rest, 24)}…` : rest)}`;
  return `⟨${NAMES[code] ?? hex(code)}⟩`;
}

function codesOf(hidden) {
  return Array.from(hidden.slice(0, 40), (character) => `U+${hex(character.codePointAt(0))}`).join(" ");
}

function hex(code) {
  return code.toString(16).toUpperCase().padStart(4, "0");
}
