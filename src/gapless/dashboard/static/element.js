/**
 * `<gapless-log src="/live" channel="logs" query="level>=warning">`: the live list on any page, without a framework.
 *
 * Attributes: `src`, where the hub is mounted (default: where this module comes from); `channel`, one or several,
 * separated by spaces; `query`; `history`, so many of the newest first (default 500); `theme`, "dark" or "light".
 * Methods: `pause()`, `resume()`, `exportText()`. Events: `state` (detail: of the connection), `gap`, `select` (detail:
 * the line that was clicked, with its `data`). Colours are the custom properties of `css/tokens.css`.
 */
import { connect } from "./client.js";
import { Api } from "./core/api.js";
import { make } from "./core/dom.js";
import { parse } from "./core/json.js";
import { listenToClicks } from "./log/clicking.js";
import { toText } from "./log/copying.js";
import * as language from "./log/language.js";
import { Panel } from "./log/panel.js";
import { listenToSelection } from "./log/selecting.js";

const STYLES = ["css/tokens.css", "css/log.css"];

export class GaplessLog extends HTMLElement {
  static observedAttributes = ["query", "theme"];
  #hub = null;
  #panel = null;

  connectedCallback() {
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    const styles = STYLES.map((path) => make("link", { rel: "stylesheet", href: new URL(path, import.meta.url).href }));
    const lines = make("div", { className: "element" });
    root.replaceChildren(...styles, lines);
    const src = (this.getAttribute("src") ?? new URL("..", import.meta.url).href).replace(/\/ws\/?$/, "").replace(/\/*$/, "/");
    const base = new URL(src, document.baseURI);
    this.#hub = connect(base, { pace: 50, parse });
    this.#hub.onstate = (state) => this.#tell("state", state);
    const history = Number(this.getAttribute("history") ?? 500);
    this.#panel = new Panel(lines, { hub: this.#hub, base, api: new Api(base), history });
    this.#panel.asking.use(language);
    this.#panel.onChange = () => this.#panel.paintNewer();
    this.#panel.onGap = (gap) => this.#tell("gap", gap);
    listenToSelection(this.#panel);
    listenToClicks(this.#panel, { onOpen: (key) => this.#onSelect(key) });
    for (const style of styles) style.onload = () => this.#panel?.relayout();
    this.attributeChangedCallback("theme");
    this.attributeChangedCallback("query");
    for (const channel of (this.getAttribute("channel") ?? "").split(/\s+/).filter(Boolean)) this.#panel.feed.turnOn(channel);
  }

  disconnectedCallback() {
    this.#hub?.close();
    this.#hub = this.#panel = null;
  }

  attributeChangedCallback(name) {
    if (name === "theme") this.toggleAttribute("data-theme", this.hasAttribute("theme")), this.hasAttribute("theme") && (this.dataset.theme = this.getAttribute("theme"));
    if (name === "query") this.query = this.getAttribute("query") ?? "";
  }

  get query() {
    return this.#panel?.asking.query.text ?? "";
  }

  /** @throws {import("./log/query.js").QueryError} it cannot be read; what was shown stays */
  set query(text) {
    const error = this.#panel?.asking.setQuery(text);
    if (error) throw error;
  }

  pause() {
    this.#panel?.follow.pause("you");
  }

  resume() {
    this.#panel?.follow.resume();
  }

  /** The lines that are shown, as text. */
  exportText() {
    const { view, store } = this.#panel;
    return toText(view, store, [0, view.length - 1]);
  }

  #onSelect(key) {
    const { store } = this.#panel;
    const place = store.find(key);
    if (!place) return;
    this.#panel.reader.goTo(key, { centre: false });
    this.#tell("select", { ...store.row(place.segment, place.index), data: store.data(place.segment, place.index) });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

if (!customElements.get("gapless-log")) customElements.define("gapless-log", GaplessLog);
