/** Live: the list of lines, with everything to find one's way in it. */
import { bind, unbind } from "../core/keys.js";
import { make } from "../core/dom.js";
import * as settings from "../core/settings.js";
import { readUrl, writeUrl } from "../core/url.js";
import { bytes, counted } from "../core/format.js";
import { MODES } from "../core/time.js";
import { listenToClicks } from "../log/clicking.js";
import { Panel } from "../log/panel.js";
import { late } from "../ui/late.js";
import { note } from "../ui/note.js";
import { QueryBox } from "../ui/querybox.js";

const REST_MS = 400; // the first lines come before what else there is
const PAINT_MS = 250; // between two paints of what stands around the rows
const SMALL = "(max-width: 1023px)";
const LOW = "(max-height: 480px)";
const BOOLEANS = { true: true, false: false };

export class Live {
  title = "Live";
  #app;
  #painting = 0;
  #middle;
  /** The details of a line; loaded with the first of them. */
  detail = { isOpen: false, close() {} };
  /** What a search on the server found; loaded with the first search. */
  found = { isOpen: false, close() {}, cover: (/** @type {boolean} */ _isCovered) => {} };
  /** Kept from the beginning for what comes later, so that no row moves when it is there. */
  #places = { facets: make("aside", { className: "facets", "aria-label": "What there is" }), chart: make("div", { className: "chart" }) };
  /** @type {import("./live-rest.js").Rest|null} */
  #rest = null;
  #onKeys;
  #keys = new Promise((resolve) => (this.#onKeys = resolve));
  #sheet = false; // is open what a small screen has no room for?

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
    this.element = make("section", { className: "page live", "aria-label": "Live" });
    const toolbar = make("div", { className: "toolbar", role: "toolbar", "aria-label": "Lines" });
    this.box = new QueryBox(toolbar);
    this.pause = make("button", { type: "button", className: "pause", onclick: () => this.togglePause() }, "Pause");
    this.more = make("button", { type: "button", className: "icon", "aria-label": "More", title: "More", "aria-haspopup": "menu", onclick: async () => (await late(() => import("./live-menu.js")))?.openMenu(this, this.more) }, "⋯");
    this.around = make("button", { type: "button", className: "icon around", "aria-label": "Facets and histogram", title: "Facets and histogram ([)", onclick: () => this.#toggleSheet() }, "▤");
    toolbar.append(this.pause, this.around, this.more);
    const middle = make("div", { className: "middle" });
    const lines = make("div", { className: "lines" });
    middle.append(this.#places.facets, lines);
    this.element.append(toolbar, this.#places.chart, middle);
    const { hub, base, api, positions } = app;
    this.panel = new Panel(lines, { hub, base, api, positions });
    this.#middle = middle;
    this.#connect();
    this.applySettings();
  }

  mount(parent) {
    parent.append(this.element);
    bind("query", this.box.keys); // from the first moment: what is typed behind them belongs into the field
    bind("page", this.#rest?.keys ?? this.#keys);
    this.onUrl();
    this.panel.relayout();
    this.paint();
    setTimeout(() => this.element.isConnected && this.rest(), REST_MS); // where there is no line, or none for a while
  }

  unmount() {
    unbind("query");
    unbind("page");
    this.element.remove();
  }

  /** Close what is open, clear what is searched, let go what is chosen: one of them. */
  onEscape() {
    const { box, detail, found, panel } = this;
    if (detail.isOpen) return detail.close();
    if (found.isOpen) return found.close();
    if (panel.asking.isFinding) return box.setMode("find"), (box.field.value = ""), box.apply(), box.setMode("filter");
    if (panel.list.range) return panel.reader.chooseNone();
    if (panel.list.current !== null) {
      panel.list.current = null;
      panel.list.redraw();
    }
  }

  /** The address says what to show. */
  onUrl() {
    const { params } = readUrl();
    this.box.how = { caseSensitive: params.has("aa"), regex: params.has("re") };
    if (params.get("q") !== null || this.panel.asking.query.text) this.box.setFilter(params.get("q") ?? "");
    this.panel.columns.texts = params.getAll("col");
    if (this.#rest) this.#rest.facets.fields = params.getAll("facet");
    this.#applyLook(params);
    const at = /^(.*):(\d+)(?:-(\d+))?$/.exec(params.get("at") ?? "");
    const channel = params.get("ch");
    if (at && channel && this.#shownAt !== at[0]) this.#follow({ channel, epoch: at[1], from: Number(at[2]), to: Number(at[3] ?? at[2]) }, at[0]);
  }

  /** What a saved view says about the look becomes the reader's choice; then the address need not say it. */
  #applyLook(params) {
    const look = { time: MODES.find((mode) => mode === params.get("time")), wrap: BOOLEANS[params.get("wrap")], fold: BOOLEANS[params.get("fold")] };
    for (const [name, value] of Object.entries(look)) if (value !== undefined) settings.set(name, value);
    if (["time", "wrap", "fold"].some((name) => params.has(name))) writeUrl({ time: null, wrap: null, fold: null });
  }

  async #follow(link, at) {
    this.#shownAt = at;
    await this.#app.channels.joined(link.channel);
    (await late(() => import("./live-links.js")))?.goToLink(this.panel, link);
  }

  #shownAt = null;

  togglePause() {
    if (this.panel.follow.following) this.panel.follow.pause("you");
    else this.panel.follow.resume();
  }

  /** Look for what the filter says in all that the server keeps. */
  async searchOlder({ byIndex = true } = {}) {
    (await late(() => import("./live-search.js")))?.searchOlder(this, { api: this.#app.api, parent: this.#middle, byIndex });
  }

  /** Offer what the filter finds as a file. */
  async saveLines() {
    (await late(() => import("./live-export.js")))?.openExport(this.panel, this.#app.api);
  }

  #connect() {
    const { box, panel } = this;
    box.onFilter = (text, how) => {
      const error = panel.asking.setQuery(text, how);
      if (!error) writeUrl({ q: text, aa: how.caseSensitive ? "1" : "", re: how.regex ? "1" : "" });
      return error;
    };
    box.onFind = (text, how) => panel.asking.setFind(text, how);
    box.onStep = (step) => panel.reader.goToHit(step);
    panel.onChange = () => this.paintSoon();
    panel.asking.onSlow = (error) => box.say(error);
    panel.asking.onNeed = () => this.#readQueries();
    if (readUrl().params.get("q")) this.#readQueries(); // so that it is there when the first lines are
    panel.onColumns = (texts) => writeUrl({ col: texts });
    panel.onReturn = (entry) => this.#app.onReturn(entry);
    panel.onGap = (gap) => this.#app.onGap(gap);
    panel.columns.onMenu = async (head, items, label) => (await late(() => import("../ui/layers.js")))?.menuBeside(head, items, label);
    listenToClicks(panel, { onOpen: (key, tab) => this.openDetail(key, tab) });
    settings.onChange(() => this.applySettings());
    for (const size of [SMALL, LOW]) matchMedia(size).addEventListener("change", () => this.applySettings());
    this.panel.element.addEventListener("pointerdown", () => this.#sheet && this.#toggleSheet());
  }

  /** @returns {Promise<import("./live-rest.js").Rest|null>} what comes after the first lines; null: it did not come */
  async rest() {
    if (this.#rest) return this.#rest;
    // Asked for once by all who need it; after it did not come by the next who does.
    const loaded = await (this.#loading ??= late(() => import("./live-rest.js")).finally(() => (this.#loading = null)));
    if (!loaded || this.#rest) return this.#rest;
    this.#rest = new loaded.Rest(this, this.#app, this.#places);
    this.#rest.facets.fields = readUrl().params.getAll("facet");
    this.#onKeys(this.#rest.keys);
    this.paint();
    return this.#rest;
  }

  #loading = null;

  get showsFacets() {
    return !this.#places.facets.hidden;
  }

  applySettings() {
    this.#places.facets.hidden = is(SMALL) ? !this.#sheet : !settings.get("facets");
    this.#places.chart.hidden = is(LOW) ? !this.#sheet : !settings.get("histogram");
    this.around.setAttribute("aria-pressed", String(this.#sheet));
    this.panel.relayout();
  }

  /** Beside the list they are a choice that lasts; on a small screen they lie over it for a moment. */
  toggleFacets() {
    if (is(SMALL)) return this.#toggleSheet();
    settings.set("facets", !settings.get("facets"));
  }

  #toggleSheet() {
    this.#sheet = !this.#sheet;
    this.applySettings();
    this.paintSoon();
  }

  async openDetail(key, tab) {
    this.panel.reader.goTo(key, { centre: false });
    const onField = async (how, path, value) => (await this.rest())?.choose(how, path, value);
    // Once it is there it opens at once: the next click finds the tabs of this line.
    this.#detailOpener ??= (await late(() => import("./live-detail.js")))?.openDetail ?? null;
    this.#detailOpener?.(this, key, tab, { parent: this.#middle, onField });
  }

  /** @type {typeof import("./live-detail.js").openDetail|null} */
  #detailOpener = null;

  /** @returns {Promise<number|null>} the key of the line, null when it is no longer kept */
  async goToPosition(channel, epoch, offset) {
    return (await late(() => import("./live-links.js")))?.goToPosition(this.panel, channel, epoch, offset) ?? null;
  }

  #isFullSaid = false;

  #sayFull() {
    const { store } = this.panel;
    if (this.#isFullSaid || store.evicted === 0) return;
    this.#isFullSaid = true;
    const more = async () => (await late(() => import("../ui/settings.js")))?.openSettings();
    note(`Keeping the newest ${counted(store.maxRows, "line")} (${bytes(store.maxBytes)}).`, "", ["Keep more", more]);
  }

  async #readQueries() {
    const language = await late(() => import("../log/language.js"));
    if (language) this.panel.asking.use(language);
  }

  // -- what stands around the rows

  paintSoon() {
    this.#painting ||= setTimeout(() => this.paint(), PAINT_MS);
  }

  paint() {
    clearTimeout(this.#painting);
    this.#painting = 0;
    this.#app.paint();
    if (!this.element.isConnected) return;
    const { panel, box } = this;
    if (panel.store.size > 0) this.rest();
    const { following, reason } = panel.follow;
    this.pause.textContent = following ? "Pause" : "Resume";
    this.pause.classList.toggle("paused", !following);
    this.pause.title = following ? "Stand still (Space)" : `${{ scrolled: "Paused: scrolled", selecting: "Paused: text selected", reading: "Paused: reading", you: "Paused" }[reason]}. Follow the newest (Space)`;
    panel.paintNewer();
    box.showHits(panel.reader.hitNumber, panel.hits.rows);
    this.#sayFull();
    this.#rest?.paint(this.#app);
  }
}

function is(size) {
  return matchMedia(size).matches;
}
