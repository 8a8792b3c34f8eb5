/** What stands in place of rows when there are none: every silence has its own words. */
import { copyText } from "../core/clipboard.js";
import { make } from "../core/dom.js";
import { ago, count, counted } from "../core/format.js";
import { LEVELS } from "../log/levels.js";
import { levelsIn, pathsIn } from "../log/match.js";
import { shown } from "../log/text.js";

/**
 * @param {HTMLElement} parent
 * @param {{panel: import("../log/panel.js").Panel, api: object, hub: object, base: URL, signedIn: boolean,
 *   onClear: () => void, onInvert: () => void, onSearch: () => void, onShowAll: () => void, onAllLevels: () => void}} page
 */
export function paintEmpty(parent, page) {
  const kind = choose(page);
  parent.hidden = kind === "";
  const names = page.panel.feed.names;
  const { size } = page.panel.store;
  const key = `${kind} ${kind === "quiet" ? names : ""} ${kind === "filtered" ? `${size} ${page.panel.past.busy}` : ""}`;
  if (parent.dataset.key === key) return; // a button in it may have the focus
  parent.dataset.key = key;
  if (kind === "filtered" && parent.dataset.kind === kind) return void (parent.querySelector("h2").textContent = filteredWords(page));
  parent.dataset.kind = kind;
  parent.replaceChildren(...(kind ? WORDS[kind](page, names).flat().filter(Boolean) : []));
}

function choose({ panel, api, hub }) {
  const channels = [...panel.feed.channels.values()];
  if (panel.view.rows > 0 || panel.view.progress < 1) return "";
  if (channels.length > 0 && channels.every((channel) => channel.off)) return "off";
  if (panel.store.size > 0) return levelsIn(panel.asking.query.node, levelsOf(panel.store)).length > 0 ? "filtered" : "levels";
  const refused = channels.find((channel) => channel.error);
  if (refused && channels.every((channel) => channel.error || channel.off)) return "refused";
  if (channels.some((channel) => channel.joining) || hub.state.name === "connecting") return "connecting";
  if (hub.state.name === "waiting" || hub.state.name === "closed") return "connecting";
  if (panel.feed.names.length > 0) return "quiet";
  if (api.state === "unknown") return "connecting";
  return api.state === "open" ? "new" : "unlisted";
}

const WORDS = {
  connecting: ({ base, hub }) => [
    make("p", {}, hub.state.name === "waiting" ? "The server does not answer. This page keeps trying." : `Connecting to ${base.host}…`),
  ],
  levels: ({ onAllLevels }) => [make("h2", {}, "Every level is switched off."), button("Show all", onAllLevels)],
  off: ({ onShowAll }) => [make("h2", {}, "Every channel is switched off."), button("Show all", onShowAll)],
  filtered: (page) => [
    make("h2", {}, filteredWords(page)),
    make("div", { className: "actions" },
      button("Clear filter", page.onClear),
      button("Invert", page.onInvert),
      page.panel.past.older > 0 ? button("Search older lines on the server", page.onSearch) : null),
    ...absentIn(page.panel).map((path) => make("p", {}, "No line here has ", make("strong", {}, shown(path)), ".")),
  ],
  refused: ({ panel }) =>
    [...panel.feed.channels.values()].filter((channel) => channel.error).slice(0, 5).map((channel) => make("p", {}, "You may not read ", make("strong", {}, shown(channel.name)), `: ${channel.error.message} (${channel.error.code}).`)),
  unlisted: ({ api }) => [
    make("h2", {}, "This server does not list its channels to this page."),
    make("p", {}, "Name some in its address: ", make("code", {}, "#/live?ch=logs")),
    api.state === "refused" ? make("p", { className: "muted" }, "Who has the server's token sees them all.") : null,
  ],
  quiet: ({ panel }, names) => {
    const some = names.slice(0, 5).flatMap((name, at) => [at > 0 ? ", " : "", make("strong", {}, shown(name))]);
    const more = names.length > 5 ? ` and ${count(names.length - 5)} more` : "";
    return [make("h2", {}, "No messages in ", ...some, more, " yet."), make("p", {}, panel.feed.lastAt ? `The last message anywhere came ${ago(Date.now() - panel.feed.lastAt)}. ` : "", "This page updates by itself.")];
  },
  new: (page) => [
    make("h2", {}, "Nothing has been published yet."),
    ...ways(page).flatMap(([title, code]) => [make("p", { className: "muted" }, title), copyable(code)]),
    make("p", {}, "Waiting… this page updates by itself."),
  ],
};

/** Ranks of the levels that lines of this page have. */
function levelsOf({ levels }) {
  return LEVELS.map(({ rank }) => rank).filter((rank) => levels[rank] > 0);
}

function filteredWords({ panel }) {
  return `0 of ${counted(panel.store.size, "line")} match.`;
}

const COLUMNS = new Set(["level", "time", "after", "before", "logger", "type", "ch", "channel", "src", "source", "message", "msg", "exc", "exception"]);

/** Fields that a query asks for and no line of the page has. */
function absentIn({ asking, store }) {
  const isIn = (name) => store.segments.some(({ rest, count: rows }) => rest.slice(0, rows).some((text) => text.includes(name)));
  return [...new Set(pathsIn(asking.query.node))].filter((path) => !COLUMNS.has(path) && !isIn(path.split(".").pop())).slice(0, 5);
}

/** Three ways to feed this very server. */
function ways({ base, signedIn }) {
  const url = base.href.replace(/\/$/, "");
  const token = signedIn ? "  -H \"X-API-Key: $GAPLESS_TOKEN\" \\\n" : "";
  const body = '{"channel":"logs","data":{"level":"info","message":"hello"}}';
  return [
    ["From a shell", `curl ${base.href}api/publish \\\n${token}  -H 'Content-Type: application/json' \\\n  -d '${body}'`],
    ["What a program prints", `python app.py 2>&1 | gapless pipe logs --url ${url}`],
    ["From Python, in the application that holds the hub", 'hub.publish("logs", {"level": "info", "message": "hello"})'],
  ];
}

function copyable(code) {
  const copy = button("Copy", async () => (copy.textContent = (await copyText(code)) ? "Copied" : "Could not copy"));
  return make("div", { className: "copyable" }, make("pre", {}, code), copy);
}

function button(label, onclick) {
  return make("button", { type: "button", onclick }, label);
}
