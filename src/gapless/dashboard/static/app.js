/** The application: one connection, the pages, and what stands around them. */
import { api, base, session } from "./core/session.js";
import { connect } from "./client.js";
import { Channels } from "./core/channels.js";
import { find, make, meta } from "./core/dom.js";
import { parse } from "./core/json.js";
import { listen } from "./core/keys.js";
import * as settings from "./core/settings.js";
import { useZone } from "./core/time.js";
import { readUrl } from "./core/url.js";
import { Watching } from "./core/watching.js";
import { backWords, completeness, gapWords } from "./log/words.js";
import { Announcer } from "./ui/announce.js";
import { withStyle } from "./ui/late.js";
import { Shell } from "./ui/shell.js";
import { Live } from "./pages/live.js";

const POSITIONS = "gapless.positions";
const PAGES = {
  board: () => import("./pages/board.js").then(({ Board }) => Board),
  channels: () => import("./pages/channels.js").then(({ ChannelsPage }) => ChannelsPage),
  clients: () => import("./pages/clients.js").then(({ Clients }) => Clients),
  server: () => import("./pages/server.js").then(({ Server }) => Server),
};

export class App {
  base = base;
  api = api;
  connection = { wasUp: false, lostAt: 0, retryAt: 0, cause: "" }; // milliseconds since 1970
  page = null;
  /** What this page calls itself, so that it finds itself among the clients. */
  name = `dashboard ${Math.random().toString(36).slice(2, 8)}`;
  /** What the server says about itself and us, null when it says nothing. */
  session = null;
  #version = ""; // of the server that this page came from
  #pages = new Map();
  #opening = "";

  constructor() {
    find("unloaded").remove();
    useZone(settings.get("zone"));
    settings.onChange((name, value) => name === "zone" && useZone(value));
    const saving = /** @type {any} */ (navigator).connection?.saveData === true;
    this.hub = connect(this.base, { pace: saving ? 250 : 50, parse, pingEvery: 5_000, pongWithin: 3_000, query: { name: this.name } });
    this.positions = storedPositions();
    this.announcer = new Announcer(find("announcements"), find("alerts"));
    this.channels = new Channels(this);
    this.watching = new Watching(this);
    this.watching.onChange = () => this.paint();
    this.live = new Live(this);
    this.#pages.set("live", this.live);
    this.shell = new Shell(this);
    this.hub.onstate = (state) => this.#onState(state);
    this.api.onState = () => this.paint();
    addEventListener("hashchange", () => this.open());
    addEventListener("pagehide", () => this.#keepPositions());
    document.addEventListener("visibilitychange", () => this.#onVisibility());
    addEventListener("online", () => this.paint());
    addEventListener("offline", () => this.paint());
    setInterval(() => this.#tick(), 1_000);
  }

  /** Is there a credential, and does this page have it? */
  get signedIn() {
    return this.session?.sign_in === true && this.session.role === "operator";
  }

  /** Ask who we are here, and begin with the channels that we may see. */
  async start() {
    this.channels.begin();
    this.session = await session;
    this.#version = this.session?.version ?? "";
    if (this.session?.role === "viewer") this.api.refuse();
    this.channels.start(this.session?.channels);
    this.watching.start();
    await null; // the connection is on its way while the page is put together
    await this.open();
  }

  /** Is the server of another version than the files of this page? In words, "" when it is not. */
  get outdated() {
    const own = meta("gapless-digest");
    const { digest, version } = this.session ?? {};
    if (!own || !digest || own === digest) return "";
    const isOther = this.#version && version && this.#version !== version;
    return isOther ? `This page is from version ${this.#version}, the server is ${version}. Reload.` : "The server has other files for this page. Reload.";
  }

  /** The page that the address names. */
  async open() {
    const { page: name } = readUrl();
    const known = name === "live" || PAGES[name] ? name : "live";
    this.#opening = known;
    if (!this.#pages.has(known)) {
      const loaded = await this.#load(known);
      if (loaded === null) return;
      this.#pages.set(known, loaded);
    }
    if (this.#opening !== known) return; // another one meanwhile
    const page = this.#pages.get(known);
    if (page === this.page) return page.onUrl?.();
    this.page?.unmount();
    this.page = page;
    find("main").replaceChildren();
    page.mount(find("main"));
    this.shell.onPage(known);
    this.paint();
  }

  async #load(name) {
    try {
      const Page = await withStyle(PAGES[name]());
      return new Page(this);
    } catch (error) {
      console.warn(error); // most likely the server was replaced by one with other files
      const reload = make("button", { type: "button", onclick: () => location.reload() }, "Reload");
      find("main").replaceChildren(make("div", { className: "pane-notice" }, make("h2", {}, "This page could not be loaded."), make("p", {}, "The server may be of another version than this page, or away."), reload));
      this.page?.unmount();
      this.page = null;
      return null;
    }
  }

  paint() {
    this.shell?.paint();
  }

  onReturn(entry) {
    this.announcer[entry.lost > 0 || entry.unknown ? "warn" : "say"](backWords(entry));
  }

  onGap(gap) {
    this.announcer.warn(`${gap.channel}: ${gapWords(gap)}`);
  }

  get completeness() {
    return completeness(this.live.panel.ledger.totals);
  }

  #onState({ name, delay, attempt, code, reason }) {
    const { connection } = this;
    const { feed } = this.live.panel;
    if (name === "connected") {
      if (connection.lostAt) feed.onBack(Date.now() - connection.lostAt, connection.cause);
      if (connection.wasUp) this.#askAgain();
      Object.assign(connection, { wasUp: true, lostAt: 0 });
    } else if (connection.wasUp && !connection.lostAt) {
      Object.assign(connection, { lostAt: Date.now(), cause: reason || (code ? `closed with ${code}` : "lost") });
      this.announcer.warn("The connection was lost.");
    }
    if (name === "waiting") {
      connection.retryAt = Date.now() + delay;
      // A refusal is what tells a sign-in that ran out from a server that is away.
      if (this.api.isOpen) this.channels.refresh();
    }
    document.documentElement.classList.toggle("away", name !== "connected" && connection.wasUp);
    this.paint();
  }

  /** After an interruption it may be another server, or we signed out of it. */
  async #askAgain() {
    try {
      this.session = await this.api.session();
    } catch {
      // It will be asked after the next interruption.
    }
    this.paint();
  }

  /** Hidden for a while it asks for nothing, and catches up when it is looked at again. */
  #onVisibility() {
    const after = settings.get("pauseHidden");
    clearTimeout(this.#hiding);
    const { feed } = this.live.panel;
    if (document.visibilityState === "hidden") {
      this.#keepPositions();
      if (after > 0) this.#hiding = setTimeout(() => feed.suspend(), after * 1_000);
    } else if (feed.suspended) feed.wake();
    this.shell.onVisibility();
  }

  #hiding = 0;

  #announced = { received: 0, errors: 0 };

  /** What came since the last time, for the digest of those who listen. */
  #count() {
    const { received, errors, lastError } = this.live.panel.feed;
    this.announcer.lines(received - this.#announced.received, errors - this.#announced.errors, lastError);
    this.#announced = { received, errors };
  }

  #tick() {
    this.#count();
    this.paint();
    if (this.page !== this.live) this.page?.tick?.();
    else this.live.paint();
  }

  #keepPositions() {
    try {
      sessionStorage.setItem(POSITIONS, JSON.stringify(this.live.panel.feed.positions));
    } catch {
      // A private window: a reload begins anew.
    }
  }
}

function storedPositions() {
  try {
    const found = JSON.parse(sessionStorage.getItem(POSITIONS) ?? "{}");
    return typeof found === "object" && found !== null ? found : {};
  } catch {
    return {};
  }
}

export const app = new App();
listen();
app.start();
