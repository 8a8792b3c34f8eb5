/** What was seen of a client while the page looked: how far behind it was, what waited for it, when that changed. */
import { make } from "../core/dom.js";
import { bytes, count } from "../core/format.js";
import { clock } from "../core/time.js";
import { spark } from "../ui/table.js";

const READINGS = 300; // five minutes, one a second
const EVENTS = 50;
const MAX_CLIENTS = 1_000;

export class ClientLines {
  #known = new Map(); // client → {behind, unsent, state, events}

  /** @param {{client: string, behind: number, unsent?: number, state: string}} row @param {number} now */
  take({ client, behind, unsent = 0, state }, now) {
    const known = this.#known.get(client) ?? { behind: [], unsent: [], state, events: [] };
    known.behind.push(behind);
    known.unsent.push(unsent);
    if (known.state !== state) known.events.push([now, state === "ok" ? "caught up" : `${state}${behind ? `, ${count(behind)} lines` : ""}`]);
    known.state = state;
    for (const [list, most] of [[known.behind, READINGS], [known.unsent, READINGS], [known.events, EVENTS]]) if (list.length > most) list.shift();
    if (this.#known.size >= MAX_CLIENTS && !this.#known.has(client)) this.#known.clear();
    this.#known.set(client, known);
  }

  /** As nodes of a drawer. */
  nodes(client) {
    const { behind = [], unsent = [], events = [] } = this.#known.get(client) ?? {};
    const line = (words, numbers, most) => make("div", { className: "series" }, make("span", { className: "muted" }, words), spark(numbers.length > 1 ? numbers : [0, 0], { width: 220, height: 36 }), make("span", { className: "muted" }, `at most ${most}`));
    const top = (numbers) => Math.max(0, ...numbers);
    const seen = events.toReversed().map(([time, words]) => make("li", {}, make("span", { className: "muted" }, clock(time).slice(0, 8)), ` ${words}`));
    return [line("Lines behind", behind, count(top(behind))), line("Bytes unsent", unsent, bytes(top(unsent))), seen.length ? make("ol", { className: "context" }, ...seen) : null];
  }
}
