/** A value of a publication as a tree that can be opened, one line a field, each with what can be done with it. */
import { make } from "../core/dom.js";
import { count } from "../core/format.js";
import { Exact, stringify } from "../core/json.js";
import { cut } from "../log/ansi.js";
import { nodesOf } from "../log/text.js";

const SHOWN = 200; // members of one object, until more are asked for
const CHARACTERS = 2_000;
const OPEN_DEPTH = 2;

/**
 * @param {[string, any][]} entries
 * @param {(path: string, value: any) => HTMLElement|null} toActions
 */
export function tree(entries, toActions, path = "", depth = 0) {
  const list = make("ul", { className: "tree" });
  const put = (from) => {
    for (const [name, value] of entries.slice(from, from + SHOWN)) list.append(branch(name, value, toActions, path ? `${path}.${name}` : name, depth));
    const rest = entries.length - from - SHOWN;
    if (rest <= 0) return;
    const more = make("button", { type: "button", className: "inline" }, `${count(rest)} more`);
    const item = make("li", {}, more);
    more.onclick = () => (item.remove(), put(from + SHOWN));
    list.append(item);
  };
  put(0);
  return list;
}

function branch(name, value, toActions, path, depth) {
  const key = make("span", { className: "key" }, ...nodesOf(cut(name, 200)));
  if (typeof value !== "object" || value === null || value instanceof Exact)
    return make("li", {}, make("div", { className: "leaf" }, key, leaf(value), toActions(path, value)));
  const inner = Object.entries(value);
  const summary = make("summary", {}, key, make("span", { className: "muted" }, Array.isArray(value) ? `[${count(inner.length)}]` : `{${count(inner.length)}}`));
  const details = make("details", { open: depth < OPEN_DEPTH && inner.length <= 20 }, summary);
  const fill = () => details.open && details.children.length === 1 && details.append(tree(inner, toActions, path, depth + 1));
  details.addEventListener("toggle", fill);
  fill();
  return make("li", {}, details);
}

function leaf(value) {
  const kind = value instanceof Exact ? "number" : value === null ? "null" : typeof value;
  const text = typeof value === "string" ? value : stringify(value);
  const start = cut(text, CHARACTERS);
  return make("span", { className: `value ${kind}` }, ...nodesOf(start), start.length < text.length ? ` … ${count(text.length - start.length)} more characters` : "");
}
