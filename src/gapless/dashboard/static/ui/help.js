/** The sheet of keys, and the words of the query language. */
import { make } from "../core/dom.js";
import { bindings } from "../core/keys.js";
import { dialog } from "./layers.js";

const SIGNS = { ArrowDown: "↓", ArrowUp: "↑", "Shift+ArrowDown": "Shift+↓", "Shift+ArrowUp": "Shift+↑", Escape: "Esc", PageDown: "PgDn", PageUp: "PgUp" };
const QUERIES = [
  ["pool exhausted", "both words, in what a line shows"],
  ['"pool exhausted"', "just this, in one piece"],
  ["/time(d)? ?out/", "a regular expression"],
  ["level>=warning", "and above; level:(error,critical)"],
  ["logger:app.*", "a logger; type:committed, an event"],
  ["ch:logs  src:web-1", "a channel, a source"],
  ["ms>500  data.repo:core", "fields, by their path"],
  ["has:exc  has:request_id", "lines with an exception, with a field"],
  ["after:14:05 before:14:10", "times; after:15m"],
  ["-health  a OR b  (a b)", "not, or, brackets"],
];

export function openHelp() {
  const groups = Map.groupBy ? Map.groupBy(bindings(), ({ group }) => group) : grouped(bindings());
  const sheets = [...groups].map(([name, list]) =>
    make("section", {}, make("h3", {}, name), make("dl", { className: "keys" }, ...list.flatMap(({ keys, words }) => [make("dt", {}, ...keys.flatMap((key, at) => [at ? " " : "", make("kbd", {}, SIGNS[key] ?? key)])), make("dd", {}, words)]))));
  const queries = make("section", {}, make("h3", {}, "Queries"), make("dl", { className: "keys queries" }, ...QUERIES.flatMap(([query, words]) => [make("dt", {}, make("code", {}, query)), make("dd", {}, words)])));
  dialog("Keys and queries", make("div", { className: "sheets" }, ...sheets, queries), { wide: true });
}

function grouped(list) {
  const groups = new Map();
  for (const each of list) groups.set(each.group, [...(groups.get(each.group) ?? []), each]);
  return groups;
}
