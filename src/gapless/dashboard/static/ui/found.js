/** What a search in all that the server keeps has found, beside the list: how far it is, the lines, the way to each. */
import { make } from "../core/dom.js";
import { count, counted } from "../core/format.js";
import { clock, moment } from "../core/time.js";
import { cut } from "../log/ansi.js";
import { levelOf } from "../log/levels.js";
import { toHighlights } from "../log/match.js";
import { nodesOf, shown } from "../log/text.js";

const CHARACTERS = 300; // of a line
const PAINT_MS = 100;

export class Found {
  /** @type {(hit: import("../log/search.js").Hit) => void} */
  onGoTo = () => {};
  /** Look for the same without the index. */
  onAll = () => {};
  onClose = () => {};
  #search = null;
  #highlights = [];
  #words = make("p", { className: "found-words", role: "status" });
  #bar = make("progress", { max: 1, "aria-label": "Looked through" });
  #actions = make("div", { className: "actions" });
  #list = make("ol", { className: "context found" });
  #painting = 0;
  #shown = null; // hits that stand in the list

  constructor(parent) {
    this.title = make("h2", {});
    const close = make("button", { type: "button", className: "icon", "aria-label": "Close the search", title: "Close (Esc)", onclick: () => this.close() }, "✕");
    this.element = make("aside", { className: "detail", hidden: true, "aria-label": "Found on the server" }, make("header", {}, this.title, close), make("div", { className: "detail-body", tabIndex: 0 }, this.#words, this.#bar, this.#actions, this.#list));
    parent.append(this.element);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** @param {import("../log/search.js").Search} search @param {{text: string, node: object, caseSensitive: boolean}} query */
  open(search, query) {
    this.#search?.stop();
    this.#search = search;
    this.#highlights = toHighlights(query.node, query);
    this.#shown = null;
    this.title.replaceChildren("On the server: ", shown(query.text || "everything"));
    this.element.hidden = false;
    search.onChange = () => (this.#painting ||= setTimeout(() => this.#paint(), PAINT_MS));
    this.#paint();
    search.go();
  }

  close() {
    if (!this.isOpen) return;
    this.#search?.stop();
    this.#search = null;
    this.element.hidden = true;
    this.onClose();
  }

  /** Something else stands in its place for a while, or not any more. */
  cover(isCovered) {
    if (this.#search) this.element.hidden = isCovered;
  }

  #paint() {
    clearTimeout(this.#painting);
    this.#painting = 0;
    const search = this.#search;
    if (!search) return;
    const { state, hits, read, total } = search;
    const lines = counted(hits.length, "line");
    const far = read < total ? `${count(read)} of ${counted(total, "line")} looked through` : `all ${counted(total, "line")} looked through`;
    const words = { searching: `Searching… ${lines} found, ${far}.`, more: `${lines} found, ${far}.`, done: `${hits.length ? `${lines} found` : "No line matches"}, ${far}.`, stopped: `Stopped: ${lines} found, ${far}.`, failed: `The search failed: ${search.error}. ${lines} found, ${far}.` };
    const byIndex = search.isByIndex ? " Words are found by how they begin." : "";
    if (this.#words.textContent !== words[state] + byIndex) this.#words.textContent = words[state] + byIndex;
    this.#bar.hidden = state === "done";
    this.#bar.value = total ? read / total : 1;
    this.#paintActions(state, search.isByIndex);
    if (this.#shown === hits.length) return;
    this.#shown = hits.length;
    this.#list.replaceChildren(...hits.map((hit) => this.#hit(hit)));
  }

  #paintActions(state, byIndex) {
    const wanted = [state === "searching" ? "Stop" : state === "done" ? "" : "Search on", byIndex && state !== "searching" ? "Look inside words, too" : ""].filter(Boolean);
    const acts = { Stop: () => this.#search.stop(), "Search on": () => this.#search.go(), "Look inside words, too": () => this.onAll() };
    if ([...this.#actions.children].map(({ textContent }) => textContent).join() === wanted.join()) return;
    this.#actions.replaceChildren(...wanted.map((label) => make("button", { type: "button", onclick: acts[label] }, label)));
  }

  #hit(hit) {
    const { shape, time, channel } = hit;
    const level = levelOf(shape.level);
    const day = time !== null && new Date(time).toDateString() !== new Date().toDateString();
    const when = make("span", { className: "muted" }, time === null ? "" : day ? moment(time) : clock(time));
    const words = nodesOf(cut(shape.message.split("\n", 1)[0], CHARACTERS), { highlights: this.#highlights });
    const button = make("button", { type: "button", title: `${channel}, number ${hit.offset}`, onclick: () => this.onGoTo(hit) }, when, " ", make("span", { className: `level-mark level-${level.name}` }, level.letter), " ", ...words);
    return make("li", {}, button);
  }
}
