/** What a part of the bar at the bottom says when it is clicked. */
import { copyText } from "../core/clipboard.js";
import { make } from "../core/dom.js";
import { bytes, count, counted } from "../core/format.js";
import { plain } from "../log/ansi.js";
import { gapWords, report } from "../log/words.js";
import { closeLayer, popover } from "./layers.js";
import { note } from "./note.js";

/** @type {Record<string, (app: import("../app.js").App, onSettings: () => void) => HTMLElement>} */
const ABOUT = { access, completeness, connection, memory };

/** Say it beside the part. @param {string} part one of ABOUT */
export function openAbout(anchor, part, label, app, onSettings) {
  popover(anchor, ABOUT[part](app, onSettings), { label });
}

function access(app) {
  const out = async () => (await fetch(new URL("signout", app.base), { method: "POST" }), location.reload());
  return make("div", {}, make("p", {}, "Signed in with the server's token."), make("button", { type: "button", onclick: out }, "Sign out"));
}

function connection({ base, live }) {
  const returns = live.panel.ledger.returns.slice(-5).toReversed().map((each) => make("li", {}, `${new Date(each.time).toLocaleTimeString()}: ${each.cause}, ${count(each.recovered)} recovered, ${count(each.lost)} lost`));
  return make("div", {}, make("p", {}, `Connected to ${base.host}`), returns.length ? make("ul", {}, ...returns) : make("p", { className: "muted" }, "No interruption since this page was opened."));
}

function completeness(app) {
  const { ledger, feed } = app.live.panel;
  const rows = [...ledger.channels].slice(0, 100).map(([name, { received, ranges }]) => {
    const gaps = ledger.gaps.filter((gap) => gap.channel === name);
    const stretches = ranges.map(([from, to]) => `${count(from)}–${count(to)}`).slice(-3).join(", ");
    return make("tr", {}, make("th", { scope: "row" }, plain(name)), make("td", {}, counted(received, "line")), make("td", {}, stretches ? `verified ${stretches}` : "no offsets: not verified"), make("td", {}, gaps.length ? gaps.slice(-3).map(gapWords).join("; ") : "no gap"));
  });
  const copy = make("button", { type: "button" }, "Copy a report");
  copy.onclick = async () => note((await copyText(report(ledger, { url: app.base.href, now: Date.now() }))) ? "Report copied" : "The browser does not let this page copy.");
  return make("div", { className: "ledger" }, make("h2", {}, app.completeness.words), rows.length ? make("table", {}, make("tbody", {}, ...rows)) : make("p", { className: "muted" }, feed.names.length ? "Nothing came yet." : "No channel is on."), copy);
}

function memory({ live }, onSettings) {
  const { store, past } = live.panel;
  return make("div", {},
    make("p", {}, `${counted(store.size, "line")}, ${bytes(store.bytes)} of at most ${counted(store.maxRows, "line")} or ${bytes(store.maxBytes)}.`),
    make("p", { className: "muted" }, `${counted(store.evicted, "older line")} left this page; ${count(past.older)} more can be loaded from the server.`),
    make("button", { type: "button", onclick: () => (closeLayer(), onSettings()) }, "Keep more or less"));
}
