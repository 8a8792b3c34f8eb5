/** Live: the list of lines, with everything to find one's way in it. */
import { bind, unbind } from "../core/keys.js";
import { make } from "../core/dom.js";
import * as settings from "../core/settings.js";
import { readUrl, writeUrl } from "../core/url.js";
import { bytes, count, counted } from "../core/format.js";
import { inline } from "../core/json.js";
import { MODES, moment } from "../core/time.js";
import { ERROR, WARNING } from "../log/levels.js";
import { isGap } from "../log/marks.js";
import { Panel } from "../log/panel.js";
import { plusTerm, quote, withTerm } from "../log/query.js";
import { menu, note, popover } from "../ui/layers.js";
import { late } from "../ui/late.js";
import { QueryBox } from "../ui/querybox.js";
import { escape, liveKeys } from "./live-keys.js";
import { listenToSelection } from "../log/selecting.js";

const AROUND_MS = 400; // the first lines come before what stands around them
const PAINT_MS = 250; // between two paints of what stands around the rows
const SMALL = "(max-width: 1023px)";
const BOOLEANS = { true: true, false: false };

export class Live {
  title = "Live";
  #app;
  #painting = 0;
  #lastFilter = "";
  #middle;
  /** The details of a line; loaded with the first of them. */
  detail = { isOpen: false, close() {} };
  /** What a search on the server found; loaded with the first search. */
  found = { isOpen: false, close() {} };
  /** Kept from the beginning for what comes later, so that no row moves when it is there. */
  #places = { facets: make("aside", { className: "facets", "aria-label": "What there is" }), chart: make("div", { className: "chart" }) };
  /** What stands around the rows; loaded after them. @type {import("./live-around.js").Around|null} */
  #around = null;
  #sheet = false; // are the facets open on a small screen?

  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.#app = app;
    this.element = make("section", { className: "page live", "aria-label": "Live" });
    const toolbar = make("div", { className: "toolbar", role: "toolbar", "aria-label": "Lines" });
    this.box = new QueryBox(toolbar);
    this.pause = make("button", { type: "button", className: "pause", onclick: () => this.togglePause() }, "Pause");
    this.more = make("button", { type: "button", className: "icon", "aria-label": "More", title: "More", "aria-haspopup": "menu", onclick: async () => (await late(() => import("./live-menu.js")))?.openMenu(this, this.more) }, "⋯");
    toolbar.append(this.pause, this.more);
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
    bind("page", liveKeys(this));
    this.onUrl();
    this.panel.relayout();
    this.paint();
    setTimeout(() => this.#loadAround(), AROUND_MS); // where there is no line, or none for a while
  }

  unmount() {
    unbind("page");
    this.element.remove();
  }

  onEscape() {
    escape(this);
  }

  /** The address says what to show. */
  onUrl() {
    const { params } = readUrl();
    this.box.how = { caseSensitive: params.has("aa"), regex: params.has("re") };
    if (params.get("q") !== null || this.panel.query.text) this.box.setFilter(params.get("q") ?? "");
    this.panel.columns.texts = params.getAll("col");
    if (this.#around) this.#around.facets.fields = params.getAll("facet");
    this.#applyLook(params);
    const at = /^(.*):(\d+)(?:-(\d+))?$/.exec(params.get("at") ?? "");
    const channel = params.get("ch");
    if (at && channel && this.#shownAt !== params.get("at")) this.#goToLink(channel, at[1], Number(at[2]), Number(at[3] ?? at[2]), params.get("at"));
  }

  /** What a saved view says about the look becomes the reader's choice; then the address need not say it. */
  #applyLook(params) {
    const look = { time: MODES.find((mode) => mode === params.get("time")), wrap: BOOLEANS[params.get("wrap")], fold: BOOLEANS[params.get("fold")] };
    for (const [name, value] of Object.entries(look)) if (value !== undefined) settings.set(name, value);
    if (["time", "wrap", "fold"].some((name) => params.has(name))) writeUrl({ time: null, wrap: null, fold: null });
  }

  /** A link leads to one line, or to several that follow one another. */
  async #goToLink(channel, epoch, from, to, at) {
    this.#shownAt = at;
    await this.#app.channels.joined(channel);
    if ((await this.goToPosition(channel, epoch, from)) === null || to === from) return;
    const [first, last] = [from, to].map((offset) => this.panel.store.keyOf(channel, epoch, offset));
    if (first !== null && last !== null) this.panel.chooseTo(first, last);
  }

  #shownAt = null;

  togglePause() {
    if (this.panel.follow.following) this.panel.follow.pause("you");
    else this.panel.follow.resume();
  }

  // -- the filter

  addTerm(term) {
    this.box.setFilter(plusTerm(this.box.filter, term));
  }

  setMinimumLevel(name) {
    this.box.setFilter(withTerm(this.box.filter, "level", name ? `level>=${name}` : ""));
  }

  toggleFilter() {
    const { filter } = this.box;
    this.box.setFilter(filter ? "" : this.#lastFilter);
    if (filter) this.#lastFilter = filter;
  }

  clearFilter() {
    this.box.setFilter("");
  }

  invertFilter() {
    const { filter } = this.box;
    if (filter) this.box.setFilter(/^-\((.*)\)$/s.exec(filter)?.[1] ?? `-(${filter})`);
  }

  /** Look for what the filter says in all that the server keeps. */
  async searchOlder({ byIndex = true } = {}) {
    (await late(() => import("./live-search.js")))?.searchOlder(this, { api: this.#app.api, parent: this.#middle, byIndex });
  }

  #connect() {
    const { box, panel } = this;
    box.onFilter = (text, how) => {
      const error = panel.setQuery(text, how);
      if (!error) writeUrl({ q: text, aa: how.caseSensitive ? "1" : "", re: how.regex ? "1" : "" });
      return error;
    };
    box.onFind = (text, how) => panel.setFind(text, how);
    box.onStep = (step) => panel.goToHit(step);
    panel.onChange = () => this.paintSoon();
    panel.onSlow = (error) => box.say(error);
    panel.onColumns = (texts) => writeUrl({ col: texts });
    panel.onReturn = (entry) => this.#app.onReturn(entry);
    panel.onGap = (gap) => this.#app.onGap(gap);
    panel.columns.onMenu = (head, items, label) => popover(head, menu(items), { label });
    listenToSelection(panel, { onOpen: (key, tab) => this.openDetail(key, tab) });
    settings.onChange(() => this.applySettings());
    matchMedia(SMALL).addEventListener("change", () => this.applySettings());
    this.panel.element.addEventListener("pointerdown", () => this.#sheet && this.toggleFacets());
  }

  async #loadAround() {
    if (this.#around) return;
    const loaded = await late(() => import("./live-around.js"));
    if (!loaded || this.#around || !this.element.isConnected) return; // there already, or when the page is opened again
    this.#around = new loaded.Around(this.#places, this.panel, {
      onChoose: (path, value, how) => this.#choose(path, value, how),
      onChannel: (name) => this.#app.channels.toggle(name),
      onFields: (fields) => writeUrl({ facet: fields }),
      onRange: (from, to) => this.#chooseRange(from, to),
      onTime: (time) => this.#goToTime(time),
      onResize: () => this.paintSoon(),
      isChosen: (path, value) => ` ${this.box.filter} `.includes(` ${path}:${quote(value)} `),
    });
    this.#around.facets.fields = readUrl().params.getAll("facet");
    this.paint();
  }

  get showsFacets() {
    return !this.#places.facets.hidden;
  }

  applySettings() {
    this.#places.facets.hidden = isSmall() ? !this.#sheet : !settings.get("facets");
    this.#places.chart.hidden = !settings.get("histogram");
    this.panel.relayout();
  }

  /** Beside the list they are a choice that lasts; on a small screen they lie over it for a moment. */
  toggleFacets() {
    if (!isSmall()) return settings.set("facets", !settings.get("facets"));
    this.#sheet = !this.#sheet;
    this.applySettings();
  }

  async openDetail(key, tab) {
    this.panel.goTo(key, { centre: false });
    if (!this.detail.open && !(await this.#loadDetail())) return;
    const place = this.panel.store.find(key);
    if (!place) return;
    this.#besides ||= this.found.isOpen;
    if (this.#besides) this.found.element.hidden = true;
    this.detail.open({ ...place, key }, tab);
    this.panel.list.redraw();
  }

  /** @returns {Promise<boolean>} is it there? */
  async #loadDetail() {
    const loaded = await late(() => import("../ui/detail.js"));
    if (!loaded) return false;
    if (this.detail.open) return true; // a second click meanwhile
    this.detail = new loaded.Detail(this.#middle, this.panel.store);
    this.detail.onField = (how, path, value) => this.#onField(how, path, value);
    this.detail.onGoTo = (key) => (this.panel.goTo(key), this.openDetail(key));
    this.detail.onClose = () => this.#onDetailClosed();
    return true;
  }

  #besides = false; // did what was found stand where the details are now?

  #onDetailClosed() {
    if (this.#besides) this.found.element.hidden = false;
    this.#besides = false;
    this.panel.scroller.focus({ preventScroll: true });
  }

  #choose(path, value, how) {
    const term = `${path}:${quote(value)}`;
    const { filter } = this.box;
    if (how === "exclude") return this.addTerm(`-${term}`);
    if (how === "add") {
      const known = new RegExp(`(?:^|\\s)${path}:\\(?([^\\s()]+)\\)?`).exec(filter);
      return this.box.setFilter(withTerm(filter, path, known ? `${path}:(${known[1]},${quote(value)})` : term));
    }
    this.box.setFilter(withTerm(filter, path, ` ${filter} `.includes(` ${term} `) ? "" : term));
  }

  #chooseRange(from, to) {
    const iso = (time) => new Date(time).toISOString();
    let text = withTerm(withTerm(this.box.filter, "after", ""), "before", "");
    if (from !== null) {
      this.panel.follow.pause("reading");
      text = plusTerm(text, `after:${iso(from)} before:${iso(to)}`);
    }
    this.box.setFilter(text);
  }

  #goToTime(time) {
    for (const { segment, index, key } of this.panel.view.walk(0, 1)) if (segment.time[index] >= time) return this.panel.goTo(key);
  }

  #onField(how, path, value) {
    if (how === "column") return this.panel.columns.toggle(path);
    if (how === "facet") return this.#toggleFacetOf(path);
    const term = `${path}:${quote(typeof value === "object" && value !== null ? String(value) : inline(value))}`;
    this.addTerm(how === "exclude" ? `-${term}` : term);
  }

  /** What stands around the lines may not be there yet: then this waits for it. */
  async #toggleFacetOf(path) {
    await this.#loadAround();
    this.#around?.facets.toggleField(path);
  }

  /** @returns {Promise<number|null>} the key of the line, null when it is no longer kept */
  async goToPosition(channel, epoch, offset) {
    const key = await this.panel.past.around(channel, epoch, offset);
    if (key !== null) {
      this.panel.goTo(key);
      return key;
    }
    const known = this.panel.feed.channels.get(channel);
    if (known && known.epoch !== epoch) note(`This line (number ${count(offset)}) is of an earlier life of the channel and is no longer kept.`, "warning");
    else note(`This line (number ${count(offset)}) is no longer kept.${await this.#oldestWords(channel)}`, "warning");
    return null;
  }

  async #oldestWords(name) {
    const channel = this.panel.feed.channels.get(name);
    if (!channel?.oldest) return "";
    const first = await this.panel.past.first(name).catch(() => null);
    const from = first?.time ? `, from ${moment(first.time)}` : "";
    return ` The oldest kept line is ${count(first?.offset ?? channel.oldest)}${from}.`;
  }

  #isFullSaid = false;

  #sayFull() {
    const { store } = this.panel;
    if (this.#isFullSaid || store.evicted === 0) return;
    this.#isFullSaid = true;
    const more = async () => (await late(() => import("../ui/settings.js")))?.openSettings();
    note(`Keeping the newest ${counted(store.maxRows, "line")} (${bytes(store.maxBytes)}).`, "", ["Keep more", more]);
  }

  isWorse(least) {
    return (item) => "key" in item && item.segment.level[item.index] >= least;
  }

  isError = this.isWorse(ERROR);
  isWarning = (item) => "key" in item && item.segment.level[item.index] >= WARNING && item.segment.level[item.index] < ERROR;
  isGap = (item) => "mark" in item && isGap(item.mark);

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
    if (panel.store.size > 0) this.#loadAround();
    const { following, reason } = panel.follow;
    this.pause.textContent = following ? "Pause" : "Resume";
    this.pause.classList.toggle("paused", !following);
    this.pause.title = following ? "Stand still (Space)" : `${{ scrolled: "Paused: scrolled", selecting: "Paused: text selected", reading: "Paused: reading", you: "Paused" }[reason]}. Follow the newest (Space)`;
    panel.paintNewer();
    box.showHits(panel.hitNumber, panel.hits.rows);
    this.#sayFull();
    this.#around?.paint({ channels: this.#app.channels.list(), page: this.#page() });
  }

  #page() {
    const { api, hub, base, signedIn, channels } = this.#app;
    return {
      panel: this.panel,
      api,
      hub,
      base,
      signedIn,
      onClear: () => this.clearFilter(),
      onInvert: () => this.invertFilter(),
      onSearch: () => this.searchOlder(),
      onShowAll: () => channels.turnAllOn(),
      onAllLevels: () => this.setMinimumLevel(""),
    };
  }
}

function isSmall() {
  return matchMedia(SMALL).matches;
}
