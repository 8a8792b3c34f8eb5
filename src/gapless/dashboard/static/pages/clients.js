/** Clients: who is connected, and who is behind by how much. */
import { copyText } from "../core/clipboard.js";
import { make } from "../core/dom.js";
import { bytes, count, counted, duration, milliseconds } from "../core/format.js";
import { plain } from "../log/ansi.js";
import { Pager } from "../ui/pager.js";
import { Pane } from "../ui/pane.js";
import { Table } from "../ui/table.js";
import { note } from "../ui/note.js";
import { ClientLines } from "./client-lines.js";

const EVERY_MS = 1_000;
const LIMIT = 200;
const RANKS = { behind: 2, slow: 1, ok: 0 };

export class Clients extends Pane {
  #table;
  #rows = [];
  #lines = new ClientLines();
  #watch = null;
  #opened = null; // {client, element}: whose drawer is open
  #filter = make("input", { type: "search", placeholder: "Find a client", title: "By a part of its id, user, name or address", "aria-label": "Find a client" });
  #pager = new Pager(LIMIT);
  #isPart = false;
  #shown = ""; // what was asked for, of what is shown

  constructor(app) {
    super(app, { title: "Clients", every: EVERY_MS });
    this.#table = new Table(
      [
        { key: "client", by: "user", title: "Client", small: true, show: (row) => who(row, app.name), sort: (row) => row.user || row.name || row.client },
        { key: "state", by: "behind", title: "State", small: true, show: (row) => state(row), sort: (row) => RANKS[row.state] ?? 1 },
        { key: "behind", by: "behind", title: "Behind", number: true, small: true, show: (row) => (row.behind ? counted(row.behind, "line") : "0"), sort: (row) => row.behind, hint: "Publications between its cursors and the heads of its channels" },
        { key: "late", roomy: true, title: "Late", number: true, show: (row) => (row.late ? `${row.late.toFixed(1)} s` : "–"), sort: (row) => row.late ?? 0, hint: "Age of the first line that it has not got" },
        { key: "unsent", by: "unsent", title: "Unsent", number: true, show: (row) => (row.unsent ? bytes(row.unsent) : row.waiting ? "full" : "–"), sort: (row) => row.unsent ?? Number(row.waiting), hint: "Bytes that wait for its socket" },
        { key: "gaps", by: "gaps", title: "Gaps", number: true, show: (row) => gaps(row.gaps ?? 0), sort: (row) => row.gaps ?? 0, hint: "How often it was told that publications are gone" },
        { key: "rate", title: "Out/s", number: true, show: (row) => (typeof row.rate === "number" ? bytes(row.rate) : "–"), sort: (row) => row.rate ?? -1, hint: "Bytes a second that are written to it" },
        { key: "trip", roomy: true, title: "Round trip", number: true, show: (row) => trip(row.round_trip), sort: (row) => row.round_trip ?? -1, hint: "Between the last ping and its answer" },
        { key: "since", by: "since", title: "Connected", number: true, show: (row) => lasting(row.since), sort: (row) => row.since ?? 0, hint: "For how long" },
        { key: "subscriptions", by: "num_subs", title: "Channels", number: true, show: (row) => count(row.num_subs), sort: (row) => row.num_subs },
        { key: "transport", roomy: true, by: "transport", title: "Transport", show: (row) => plain(row.transport) },
        { key: "address", by: "address", title: "Address", show: (row) => plain(row.address ?? "") },
      ],
      (row) => row.client,
      { label: "Clients", sort: "behind", limit: LIMIT },
    );
    this.tools.append(this.#pager.element, this.#filter);
    this.body.append(this.#table.element);
    this.#filter.oninput = () => this.#restart();
    this.#table.onSort = () => this.#restart();
    this.#pager.onTurn = () => this.again();
    this.#table.onOpen = (row) => this.#open(row);
  }

  mount(parent) {
    const { watching } = this.app;
    this.#shown = watching.isLive ? this.#asked : ""; // it is told by itself
    if (watching.isLive) this.#watch = watching.clients((...said) => this.#isTold && this.#show(...said));
    super.mount(parent);
  }

  unmount() {
    this.#watch?.unsubscribe();
    this.#watch = this.#opened = null;
    super.unmount();
  }

  /** Asked for where the server does not tell it by itself: those that are looked for, other pages and other orders. */
  async refresh() {
    const asked = this.#asked;
    if (this.#isTold && this.#shown === asked) return;
    const { clients, total, cursor } = await this.app.api.call("clients", JSON.parse(asked));
    if (asked !== this.#asked) return; // something else is asked for meanwhile
    if (clients.length === 0 && !this.#pager.isFirst) return this.#restart(); // they went
    this.#show(clients, total, cursor);
  }

  get #asked() {
    return JSON.stringify({ limit: LIMIT, q: this.#filter.value.trim(), ...this.#table.order, cursor: this.#pager.cursor });
  }

  /** Does the server tell by itself what is looked at? */
  get #isTold() {
    const { sort, order } = this.#table.order;
    const isFirst = this.#pager.isFirst && this.#filter.value.trim() === "";
    return this.#watch !== null && isFirst && (!this.#isPart || (sort === "behind" && order === "desc"));
  }

  #restart() {
    this.#pager.restart();
    this.#table.paint(this.#rows, this.#isPart);
    this.again();
  }

  #show(clients, total, next) {
    const now = Date.now();
    const q = this.#filter.value.trim();
    for (const row of clients) this.#lines.take(row, now);
    this.#rows = clients;
    this.#shown = this.#asked;
    this.#isPart = !this.#pager.isFirst || next !== undefined;
    this.#pager.show(clients.length, `${count(total)} connected`, next);
    if (clients.length === 0) return this.say(q ? "No client fits." : "Nobody is connected.", q ? "An id, a user, a name or an address is found by any part of it." : "This page updates by itself.");
    this.say("");
    this.#table.paint(clients, this.#isPart);
    if (this.#opened?.element.isConnected) this.#opened.element.replaceChildren(...this.#lines.nodes(this.#opened.client).filter(Boolean));
  }

  #open(row) {
    const said = [
      ["Client", row.client],
      ["User", row.user],
      ["Name", row.name === this.app.name ? `${row.name}: this page` : row.name],
      ["Software", row.agent],
      ["Address", row.address],
      ["Transport", `${row.transport}, ${row.protocol}`],
      ["Node", row.node],
      ["Connected", row.since ? `for ${lasting(row.since)}` : ""],
      ["Round trip", row.round_trip === null ? "" : trip(row.round_trip)],
      ["Out", typeof row.rate === "number" ? `${bytes(row.rate)} a second` : ""],
      ["Gaps", row.gaps ? `${count(row.gaps)} times it was told that some are gone` : "none"],
      ["Socket", row.waiting ? `full: it takes nothing more just now${row.unsent ? `, ${bytes(row.unsent)} wait` : ""}` : "free"],
    ];
    const facts = said.filter(([, value]) => value);
    const rows = row.subscriptions.slice(0, 200).map(({ channel, state: where, behind }) => make("tr", {}, make("th", { scope: "row" }, plain(channel)), make("td", {}, where), make("td", { className: "number" }, behind ? `${count(behind)} behind` : "at the head")));
    const end = make("button", { type: "button", className: "danger", onclick: () => this.#disconnect(row) }, "Disconnect");
    const copy = make("button", { type: "button", onclick: async () => note((await copyText(row.client)) ? "Copied" : "The browser does not let this page copy.") }, "Copy id");
    this.#opened = { client: row.client, element: make("div", {}, ...this.#lines.nodes(row.client).filter(Boolean)) };
    this.openDrawer(plain(row.user || row.name || row.client),
      make("dl", { className: "facts" }, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, plain(String(value)))])),
      make("h3", {}, "While this page looked"), this.#opened.element,
      make("h3", {}, "Subscriptions"), rows.length ? make("table", { className: "plain", "aria-label": "Subscriptions" }, make("tbody", {}, ...rows)) : make("p", { className: "muted" }, "None."), row.num_subs > row.subscriptions.length ? make("p", { className: "muted" }, `and ${count(row.num_subs - row.subscriptions.length)} more`) : "", make("div", { className: "actions" }, copy, end));
  }

  async #disconnect({ client, user }) {
    try {
      await this.app.api.call("disconnect", { user: user ?? "", client });
      note("Disconnected");
      this.closeDrawer();
    } catch (error) {
      note(`${error.message} (${error.code})`, "warning");
    }
  }
}

/** Its user, or what it calls itself, or a part of its id; and whether it is this very page. */
function who({ client, user, name }, own) {
  const words = make("span", {}, plain(user || name || client.slice(0, 8)));
  if (name && name === own) words.append(" ", make("span", { className: "badge" }, "this page"));
  return words;
}

function state({ state: words }) {
  return make("span", { className: `state state-${words}` }, words);
}

function gaps(number) {
  return number === 0 ? "0" : make("span", { className: "state state-gaps" }, count(number));
}

function trip(seconds) {
  return typeof seconds === "number" ? milliseconds(seconds) : "–";
}

/** How long ago that was. @param {number} [since] seconds */
function lasting(since) {
  return since ? duration(Math.max(0, Date.now() - since * 1_000)) : "–";
}
