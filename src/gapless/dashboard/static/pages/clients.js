/** Clients: who is connected, and who is behind by how much. */
import { copyText } from "../core/clipboard.js";
import { make } from "../core/dom.js";
import { bytes, count, counted } from "../core/format.js";
import { plain } from "../log/ansi.js";
import { Pane } from "../ui/pane.js";
import { Table } from "../ui/table.js";
import { note } from "../ui/layers.js";
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
  #number = make("span", {});

  constructor(app) {
    super(app, { title: "Clients", every: EVERY_MS });
    this.#table = new Table(
      [
        { key: "client", title: "Client", small: true, show: (row) => who(row, app.name), sort: (row) => row.user || row.name || row.client },
        { key: "state", title: "State", small: true, show: (row) => state(row), sort: (row) => RANKS[row.state] ?? 1 },
        { key: "behind", title: "Behind", number: true, small: true, show: (row) => (row.behind ? counted(row.behind, "line") : "0"), sort: (row) => row.behind, hint: "Publications between its cursors and the heads of its channels" },
        { key: "late", title: "Late", number: true, show: (row) => (row.late ? `${row.late.toFixed(1)} s` : ""), sort: (row) => row.late ?? 0, hint: "Age of the first line that it has not got" },
        { key: "unsent", title: "Unsent", number: true, show: (row) => (row.unsent ? bytes(row.unsent) : row.waiting ? "full" : ""), sort: (row) => row.unsent ?? Number(row.waiting), hint: "Bytes that wait for its socket" },
        { key: "subscriptions", title: "Channels", number: true, show: (row) => count(row.num_subs), sort: (row) => row.num_subs },
        { key: "transport", title: "Transport", show: (row) => plain(row.transport) },
        { key: "address", title: "Address", show: (row) => plain(row.address ?? "") },
      ],
      (row) => row.client,
      { label: "Clients", sort: "behind", limit: LIMIT },
    );
    this.tools.append(this.#number, this.#filter);
    this.body.append(this.#table.element);
    this.#table.onSort = () => this.#table.paint(this.#rows);
    this.#table.onOpen = (row) => this.#open(row);
  }

  mount(parent) {
    const { watching } = this.app;
    if (watching.isLive) this.#watch = watching.clients((clients, total) => this.#filter.value.trim() === "" && this.#show(clients, total, ""));
    super.mount(parent);
  }

  unmount() {
    this.#watch?.unsubscribe();
    this.#watch = this.#opened = null;
    super.unmount();
  }

  /** Asked for where the server does not tell it by itself, and for those that are looked for by name. */
  async refresh() {
    const q = this.#filter.value.trim();
    if (this.#watch && q === "") return;
    const { clients, total } = await this.app.api.call("clients", { limit: LIMIT, q });
    this.#show(clients, total, q);
  }

  #show(clients, total, q) {
    const now = Date.now();
    for (const row of clients) this.#lines.take(row, now);
    this.#rows = clients;
    this.#number.replaceChildren(make("span", { className: "muted" }, total > clients.length ? `the ${count(clients.length)} furthest behind of ${count(total)}` : `${count(total)} connected`));
    if (clients.length === 0) return this.say(q ? "No client fits." : "Nobody is connected.", q ? "An id, a user, a name or an address is found by any part of it." : "This page updates by itself.");
    this.say("");
    this.#table.paint(clients);
    if (this.#opened?.element.isConnected) this.#opened.element.replaceChildren(...this.#lines.nodes(this.#opened.client).filter(Boolean));
  }

  #open(row) {
    const facts = [["Client", row.client], ["User", row.user], ["Name", row.name === this.app.name ? `${row.name}: this page` : row.name], ["Address", row.address], ["Transport", `${row.transport}, ${row.protocol}`], ["Node", row.node], ["Socket", row.waiting ? "full: it takes nothing more just now" : "free"]].filter(([, value]) => value);
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
