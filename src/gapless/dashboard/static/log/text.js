/** Segments of text as nodes: colours as styles, hidden characters as marks, hits as highlights. Never markup. */
import { make } from "../core/dom.js";
import { isPlainText, plain, readable, segments } from "./ansi.js";

const MAX_HITS = 200; // highlighted in one text

/**
 * @param {string} text
 * @param {{highlights?: RegExp[], pins?: RegExp[], colours?: boolean, dark?: boolean, links?: boolean}} [how]
 *   `pins`: each keeps its colour; `highlights`: what is looked for just now, all alike
 * @returns {(Node|string)[]}
 */
export function nodesOf(text, { highlights = [], pins = [], colours = true, dark = false, links = false } = {}) {
  const isMarked = highlights.length + pins.length > 0;
  if (!isMarked && isPlainText(text)) return text ? [text] : [];
  const parts = segments(text);
  const hits = isMarked ? hitsIn(parts.map((part) => part.text).join(""), [...pins, ...highlights], pins.length) : [];
  const nodes = [];
  let at = 0;
  for (const part of parts) {
    const children = hits.length > 0 ? [...marked(part.text, at, hits)] : [part.text];
    at += part.text.length;
    if (part.mark) nodes.push(make("span", { className: "hidden-mark", title: part.mark }, ...children));
    else if (part.link && links) nodes.push(make("a", { href: part.link, title: part.link, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children));
    else if (part.style && colours) nodes.push(styled(part.style, dark, children));
    else nodes.push(...children);
  }
  return nodes;
}

/** The same for a place that takes one node. */
export function shown(text, how) {
  const fragment = document.createDocumentFragment();
  fragment.append(...nodesOf(String(text), how));
  return fragment;
}

export { plain };

/** Where the expressions are found, in order and without overlaps: [from, to, which]; of the first `pins` which one, else 0. */
export function hitsIn(text, highlights, pins = 0) {
  const found = [];
  highlights.forEach((pattern, number) => {
    const which = number < pins ? number + 1 : 0;
    pattern.lastIndex = 0;
    for (const hit of text.matchAll(pattern)) {
      if (hit[0] === "") continue;
      found.push([hit.index, hit.index + hit[0].length, which]);
      if (found.length > MAX_HITS) break;
    }
  });
  found.sort((one, other) => one[0] - other[0] || other[1] - one[1]);
  return found.filter(([from], at) => at === 0 || from >= Math.max(...found.slice(Math.max(0, at - 5), at).map((hit) => hit[1])));
}

function* marked(text, start, hits) {
  let at = 0;
  for (const [from, to, which] of hits) {
    const begin = Math.max(from - start, at);
    const end = Math.min(to - start, text.length);
    if (end <= begin) continue;
    if (begin > at) yield text.slice(at, begin);
    yield make("mark", { className: which === 0 ? "hit" : `hit pin-${which}` }, text.slice(begin, end));
    at = end;
  }
  if (at < text.length) yield text.slice(at);
}

function styled(style, dark, children) {
  const classes = ["bold", "dim", "italic", "underline", "strike"].filter((name) => style[name]);
  const [fg, bg] = style.inverse ? [style.bg ?? "ground", style.fg ?? "text"] : [style.fg, style.bg];
  const span = make("span", {}, ...children);
  colour(fg, "fg");
  colour(bg, "bg");
  span.className = classes.join(" ");
  return span;

  function colour(value, which) {
    if (value === null || value === undefined) return;
    if (!Array.isArray(value)) classes.push(`${which}-${value}`);
    else if (which === "bg") span.style.backgroundColor = `rgb(${value.join(" ")})`;
    else span.style.color = `rgb(${(bg === null ? readable(/** @type {[number, number, number]} */ (value), dark) : value).join(" ")})`;
  }
}
