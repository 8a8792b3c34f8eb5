/** One channel: where it stands, what came last, a file of what is kept, and what to publish to it. */
import { copyText } from "../core/clipboard.js";
import { make } from "../core/dom.js";
import { ago, bytes, count, counted, duration } from "../core/format.js";
import { parse, stringify } from "../core/json.js";
import { clock } from "../core/time.js";
import { levelOf } from "../log/levels.js";
import { toShape } from "../log/shape.js";
import { nodesOf } from "../log/text.js";
import { note } from "../ui/note.js";
import { exporter } from "./channel-export.js";

const PEEK = 20; // publications

/** What stands in the drawer. @param {import("../app.js").App} app @param {any} row as the table has it */
export function channelParts(app, row) {
  const { name } = row;
  return [
    make("div", { className: "actions" }, ...waysOn(app, name)),
    make("dl", { className: "facts" }, ...facts(row, agesOf(app, row)).flatMap(([title, value]) => [make("dt", {}, title), make("dd", {}, value)])),
    make("h3", {}, "Newest"), peek(app, name),
    row.kept === undefined ? "" : exporter(app, row),
    publisher(app, name),
  ];
}

function waysOn({ base, channels, signedIn }, name) {
  const live = make("button", { type: "button", onclick: () => (channels.only(name), (location.hash = `#/live?ch=${encodeURIComponent(name)}`)) }, "Open in Live");
  const body = stringify({ channel: name, data: { level: "info", message: "hello" } });
  const key = signedIn ? " -H \"X-API-Key: $GAPLESS_TOKEN\"" : "";
  const copy = (label, text) => make("button", { type: "button", onclick: async () => note((await copyText(text)) ? "Copied" : "The browser does not let this page copy.") }, label);
  return [live, copy("Copy curl", `curl ${base.href}api/publish${key} -H 'Content-Type: application/json' -d ${quoted(body)}`), copy("Copy tail", `gapless tail ${quoted(name)} --url ${base.href}`)];
}

/** How old the oldest publication is that is kept, and the epoch, where its first one is: read once, and put where they belong. */
function agesOf({ api }, { name, kept, oldest }) {
  const [age, begun] = [make("span", {}), make("span", { className: "muted" })];
  if (!kept) return { age: "", begun };
  api.call("history", { channel: name, limit: 1, times: true }).then(
    ({ publications: [first] }) => {
      const words = first?.time ? ago(Date.now() - first.time * 1_000) : "not known";
      age.textContent = words;
      begun.textContent = oldest === 1 && first?.time ? ` begun ${words}` : "";
    },
    () => (age.textContent = "not known"),
  );
  return { age, begun };
}

function keeping({ publications, bytes: most, seconds }) {
  const bounds = [counted(publications, "publication"), most === null ? "" : bytes(most), seconds === null ? "" : duration(seconds * 1_000)];
  return `at most ${bounds.filter(Boolean).join(", ")}`;
}

function facts({ num_clients: clients, offset, epoch, kept, oldest, retention, gaps, bytes_rate: came, last }, { age, begun }) {
  const all = [
    ["Subscribers", count(clients)],
    ["Kept", kept === undefined ? "no history" : kept === 0 ? "nothing just now" : `${count(kept)}, from ${count(oldest)} to ${count(offset)}`],
    ["Oldest", age],
    ["Retention", retention ? keeping(retention) : ""],
    ["Epoch", epoch ? make("span", {}, epoch, begun) : ""],
    ["Bytes/s", came === undefined ? "" : bytes(Math.round(came))],
    ["Gaps", gaps === undefined ? "" : gaps === 0 ? "none" : `${count(gaps)} times a reader was told that some are gone`],
    ["Last", last ? ago(Date.now() - last * 1_000) : ""],
  ];
  return all.filter(([, value]) => value !== "");
}

/** The newest publications; read once. */
function peek({ api }, channel) {
  const list = make("ol", { className: "context" }, make("li", { className: "muted" }, "Reading…"));
  const say = (words) => list.replaceChildren(make("li", { className: "muted" }, words));
  api.call("history", { channel, limit: PEEK, reverse: true }).then(
    ({ publications }) => (publications.length ? list.replaceChildren(...publications.map(line)) : say("Nothing is kept any more, or nothing came yet.")),
    (error) => say(error.code === 108 ? "This channel keeps no history." : error.message),
  );
  return list;
}

function line({ data }) {
  const shape = toShape(data);
  const level = levelOf(shape.level);
  return make("li", {}, make("span", { className: "muted" }, shape.time === null ? "" : `${clock(shape.time)} `), make("span", { className: `level-mark level-${level.name}` }, level.letter), " ", ...nodesOf(shape.message.slice(0, 300)));
}

function publisher({ api }, channel) {
  const field = make("textarea", { rows: 4, "aria-label": "What to publish", spellcheck: false, value: '{"level": "info", "message": "hello"}' });
  const problem = make("p", { className: "problem", role: "alert" });
  const send = async () => {
    problem.textContent = "";
    let data = field.value;
    try {
      data = parse(field.value);
    } catch {
      // Not JSON: it is published as text.
    }
    try {
      const { offset } = await api.call("publish", { channel, data });
      note(offset ? `Published as number ${offset}` : "Published");
    } catch (error) {
      problem.textContent = `${error.message} (${error.code})`;
    }
  };
  return make("div", { className: "publisher" }, make("h3", {}, "Publish"), field, make("button", { type: "button", onclick: send }, "Publish"), problem);
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
