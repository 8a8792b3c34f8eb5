/** Clients: who is connected, and who is behind by how much. */
import { make } from "../core/dom.js";
import { count } from "../core/format.js";
import { plain } from "../log/ansi.js";
import { Pane } from "../ui/pane.js";
import { Table } from "../ui/table.js";
import { note } from "../ui/layers.js";

const EVERY_MS = 1_000;
const LIMIT = 200;
const RANKS = { behind: 2, slow: 1, ok: 0 };

export class Clients extends Pane {
  #table;
  #rows = [];
  #filter = make("input", { type: "search", placeholder: "Find by id, user or address", "aria-label": "Find a client" });
  #number = make("span", {});

  constructor(app) {
    super(app, { title: "Clients", every: EVERY_MS });
    this.#table = new Table(
      [
        { key: "client", title: "Client", small: true, show: (row) => who(row), sort: (row) => row.user || row.client },
        { key: "state", title: "State", small: true, show: (row) => state(row), sort: (row) => RANKS[row.state] ?? 1 },
        { key: "behind", title: "Behind", number: true, small: true, show: (row) => (row.behind ? `${count(row.behind)} lines` : "0"), sort: (row) => row.behind, hint: "Publications between its cursors and the heads of its channels" },
        { key: "waiting", title: "Socket", show: (row) => (row.waiting ? "full" : "free"), sort: (row) => Number(row.waiting), hint: "Does its socket take more just now?" },
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

  async refresh() {
    const q = this.#filter.value.trim();
    const { clients, total } = await this.app.api.call("clients", { limit: LIMIT, q });
    this.#rows = clients;
    this.#number.replaceChildren(make("span", { className: "muted" }, total > clients.length ? `the ${count(clients.length)} furthest behind of ${count(total)}` : `${count(total)} connected`));
    if (clients.length === 0) return this.say(q ? "No client fits." : "Nobody is connected.");
    this.say("");
    this.#table.paint(clients);
  }

  #open(row) {
    const facts = [["Client", row.client], ["User", row.user], ["Address", row.address], ["Transport", `${row.transport}, ${row.protocol}`], ["Socket", row.waiting ? "full: it takes nothing more just now" : "free"]].filter(([, value]) => value);
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
