/** Clients: who is connected, and who is behind by how much. */
import { make } from "../core/dom.js";
import { bytes, count, duration } from "../core/format.js";
import { plain } from "../log/ansi.js";
import { Pane } from "../ui/pane.js";
import { Table } from "../ui/table.js";
import { note } from "../ui/layers.js";

const EVERY_MS = 1_000;
const LIMIT = 200;
const RANKS = { stuck: 3, behind: 2, slow: 2, ok: 0 };

export class Clients extends Pane {
  #table;
  #rows = [];

  constructor(app) {
    super(app, { title: "Clients", every: EVERY_MS });
    this.#table = new Table(
      [
        { key: "client", title: "Client", small: true, show: (row) => who(row), sort: (row) => row.user || row.client },
        { key: "state", title: "State", small: true, show: (row) => state(row), sort: (row) => RANKS[row.state] ?? 1 },
        { key: "behind", title: "Behind", number: true, small: true, show: (row) => (row.behind ? `${count(row.behind)} lines` : "0"), sort: (row) => row.behind, hint: "Publications between its cursors and the heads of its channels" },
        { key: "unsent", title: "Unsent", number: true, show: (row) => bytes(row.unsent), sort: (row) => row.unsent, hint: "Bytes that its socket has not taken yet" },
        { key: "subscriptions", title: "Channels", number: true, show: (row) => count(row.subscriptions.length), sort: (row) => row.subscriptions.length },
        { key: "transport", title: "Transport", show: (row) => plain(row.transport) },
        { key: "address", title: "Address", show: (row) => plain(row.address ?? "") },
        { key: "connected", title: "Connected for", number: true, show: (row) => duration(row.seconds * 1_000), sort: (row) => row.seconds },
      ],
      (row) => row.client,
      { label: "Clients", sort: "behind", limit: LIMIT },
    );
    this.body.append(this.#table.element);
    this.#table.onSort = () => this.#table.paint(this.#rows);
    this.#table.onOpen = (row) => this.#open(row);
  }

  async refresh() {
    const { clients, total } = await this.app.api.call("clients", { limit: LIMIT });
    this.#rows = clients;
    this.tools.replaceChildren(make("span", { className: "muted" }, total > clients.length ? `the ${count(clients.length)} furthest behind of ${count(total)}` : `${count(total)} connected`));
    if (clients.length === 0) return this.say("Nobody is connected.");
    this.say("");
    this.#table.paint(clients);
  }

  #open(row) {
    const facts = [["Client", row.client], ["User", row.user], ["Address", row.address], ["Transport", row.transport], ["Connected for", duration(row.seconds * 1_000)], ["Unsent", bytes(row.unsent)], ["Sent", row.sent === undefined ? "" : bytes(row.sent)]].filter(([, value]) => value);
    const rows = row.subscriptions.slice(0, 200).map(({ channel, state: where, behind }) => make("tr", {}, make("th", { scope: "row" }, plain(channel)), make("td", {}, where), make("td", { className: "number" }, behind ? `${count(behind)} behind` : "at the head")));
    const end = make("button", { type: "button", className: "danger", onclick: () => this.#disconnect(row) }, "Disconnect");
    this.openDrawer(plain(row.user || row.client),
      make("dl", { className: "facts" }, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, plain(String(value)))])),
      make("h3", {}, "Subscriptions"), make("table", { className: "plain" }, make("tbody", {}, ...rows)), make("div", { className: "actions" }, end));
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

function who({ client, user, name }) {
  const words = make("span", {}, plain(user || name || client.slice(0, 8)));
  return words;
}

function state({ state: words }) {
  return make("span", { className: `state state-${words}` }, words);
}
