/** What stands in place of rows when there are none: every silence has its own words. */
import { find, make } from "./dom.js";
import { count } from "./format.js";
import { isStats } from "./record.js";
import { shown } from "./text.js";

/**
 * @param {{counts: {all: number, shown: number}, hub: object, channels: import("./channels.js").Channels,
 *   feed: import("./feed.js").Feed, base: URL, onClear: () => void}} page
 */
export function paintEmpty(page) {
  const names = [...page.feed.channels.values()].filter((channel) => channel.subscription).map(({ name }) => name);
  const kind = choose(page, names);
  const parent = find("empty");
  parent.hidden = kind === "";
  const key = kind === "quiet" ? `quiet ${names}` : kind;
  if (parent.dataset.kind === key) return; // a button in it may have the focus
  parent.dataset.kind = key;
  parent.replaceChildren(...(WORDS[kind]?.(page, names) ?? []));
}

function choose({ counts, hub, channels }, names) {
  if (counts.shown > 0) return "";
  if (counts.all > 0 && names.some((name) => !isStats(name))) return "filtered";
  if (channels.size > 0 && names.length === 0) return "off";
  if (channels.size > 0) return hub.state.name === "connected" ? "quiet" : "connecting";
  if (channels.list === "unknown" || channels.list === "unreachable") return "connecting";
  return channels.list === "given" ? "new" : "unlisted";
}

const WORDS = {
  connecting: ({ base }) => [make("p", {}, `Connecting to ${base.host}…`)],
  off: ({ channels }) => [
    make("p", {}, "Every channel is switched off."),
    button("Show all", () => channels.turnAllOn()),
  ],
  filtered: ({ onClear }) => [make("p", {}, "No row passes the filter."), button("Clear the filter", onClear)],
  unlisted: () => [
    make("p", {}, "This server does not list its channels to this page."),
    make("p", {}, "Name some in its address: ", make("code", {}, "?channel=logs")),
  ],
  quiet: (page, names) => {
    const some = names.slice(0, 5).flatMap((name, at) => [at > 0 ? ", " : "", make("strong", {}, shown(name))]);
    const more = names.length > 5 ? ` and ${count(names.length - 5)} more` : "";
    const words = make("p", {}, "Nothing in ", ...some, more, " yet.");
    return [words, make("p", {}, "This page updates by itself.")];
  },
  new: ({ base }) => [
    make("h2", {}, "Nothing has been published yet."),
    make("p", {}, "From a shell:"),
    make("pre", {}, curl(base)),
    make("p", {}, "From Python, in the application that holds the hub:"),
    make("pre", {}, 'hub.publish("logs", {"level": "info", "message": "hello"})'),
    make("p", {}, "This page updates by itself."),
  ],
};

function curl(base) {
  const body = '{"channel":"logs","data":{"level":"info","message":"hello"}}';
  return `curl ${base.href}api/publish \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

function button(label, onclick) {
  return make("button", { type: "button", onclick }, label);
}
