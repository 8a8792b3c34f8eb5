/** What stands around the pages: the way between them, the state of the connection, what is known to be complete. */
import { find, make } from "../core/dom.js";
import { ago, bytes, counted, short } from "../core/format.js";
import { bind } from "../core/keys.js";
import * as settings from "../core/settings.js";
import { zoneName } from "../core/time.js";
import { late } from "./late.js";
import { note } from "./note.js";
import { describe, describeSources } from "./status.js";

/** What is needed now and then is loaded then. */
const LAYERS = {
  help: () => import("./help.js").then(({ openHelp }) => openHelp),
  palette: () => import("./palette.js").then(({ openPalette }) => openPalette),
  settings: () => import("./settings.js").then(({ openSettings }) => openSettings),
};
const open = async (name, ...rest) => (await late(LAYERS[name]))?.(...rest);

export const PAGES = [
  ["live", "Live"],
  ["board", "Board"],
  ["channels", "Channels"],
  ["clients", "Clients"],
  ["server", "Server"],
];
const PRELOAD_MS = 2_000;
const QUIET_MS = 5_000; // without a line, until it is said

export class Shell {
  #app;
  #rates = []; // [time, received], of the last seconds
  #unseen = 0; // errors since the page was hidden
  #errorsSeen = 0;

  constructor(app) {
    this.#app = app;
    this.links = new Map(PAGES.map(([name, words]) => [name, make("a", { href: `#/${name}` }, words)]));
    find("nav").append(...this.links.values());
    find("place").textContent = app.base.host + app.base.pathname.replace(/\/$/, "");
    find("theme").onclick = () => this.cycleTheme();
    find("help").onclick = () => open("help");
    find("palette").onclick = () => open("palette", app);
    find("connection").onclick = () => this.#onConnection();
    find("completeness").onclick = () => this.#tell("completeness", "completeness", "What is known to be complete");
    find("held").onclick = () => this.#tell("held", "memory", "What this page holds");
    find("sources").onclick = () => (location.hash = "#/server");
    find("access").onclick = () => this.#onAccess();
    find("zone").onclick = () => open("settings");
    settings.onChange((name) => name === "theme" && this.#applyTheme());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => app.live.panel.relook());
    this.#applyTheme();
    // So that they open at once when somebody wants them, and cost nothing at the start.
    setTimeout(() => Promise.allSettled(Object.values(LAYERS).map((load) => load())), PRELOAD_MS);
    bind("shell", [
      { group: "Everywhere", keys: ["Ctrl+k"], words: "Go to, do, find", act: () => open("palette", app), always: true },
      { group: "Everywhere", keys: ["?"], words: "These keys", act: () => open("help") },
      { group: "Everywhere", keys: ["r"], words: "Connect again now", act: () => app.hub.reconnect() },
      ...PAGES.map(([name, words], at) => ({ group: "Everywhere", keys: [`Shift+${at + 1}`], words, act: () => (location.hash = `#/${name}`) })),
      { group: "Everywhere", keys: ["Escape"], words: "Close, clear, let go", act: () => this.#close(), always: true },
    ]);
  }

  onPage(name) {
    for (const [each, link] of this.links) {
      if (each === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.paint();
  }

  onVisibility() {
    this.#unseen = 0;
    this.#errorsSeen = this.#errors;
    this.paint();
  }

  cycleTheme() {
    note(`Theme: ${settings.cycle("theme", ["system", "dark", "light"])}`);
  }

  get #errors() {
    return this.#app.live.panel.feed.errors;
  }

  paint() {
    const { hub, api, connection, live, watching } = this.#app;
    const { panel } = live;
    const now = Date.now();
    const state = describe(hub.state, { ...connection, api: api.state, channels: panel.feed.names.length, online: navigator.onLine, lines: panel.store.size, now, behind: watching.behind });
    const quiet = state.kind === "live" && panel.feed.lastAt && now - panel.feed.lastAt > QUIET_MS ? ` · last line ${ago(now - panel.feed.lastAt)}` : "";
    const catching = [...panel.feed.channels.values()].some((channel) => channel.joining === "again") ? " · catching up" : "";
    set("connection-words", state.words + quiet + catching);
    find("connection").dataset.kind = state.kind;
    set("connection-action", state.label);
    const sources = describeSources(watching.sources, now);
    find("sources").hidden = sources.words === "";
    find("sources").classList.toggle("trouble", sources.isTrouble);
    set("sources", sources.words);
    find("sources").title = sources.more || "Who feeds the hub";
    set("rate", `${short(this.#rate(now))} lines/s`);
    set("held", `${counted(panel.store.size, "line")} (${bytes(panel.store.bytes)})`);
    const { mark, kind, words } = this.#app.completeness;
    set("completeness", `${mark} ${words}`);
    find("completeness").dataset.kind = kind;
    set("zone", settings.get("time") === "utc" || settings.get("time") === "iso" ? "UTC" : zoneName(now));
    const { outdated } = this.#app;
    const isExposed = this.#app.session?.open === "insecure";
    set("access", outdated || (isExposed ? "open to everybody: no sign-in" : this.#app.signedIn ? "signed in" : api.state === "refused" ? "viewer" : api.isOpen ? "local, no sign-in" : ""));
    find("access").classList.toggle("outdated", outdated !== "");
    find("access").classList.toggle("exposed", isExposed);
    find("access").disabled = outdated === "" && !this.#app.signedIn;
    this.#title(state);
  }

  /** The title says what the tab does not show. */
  #title(state) {
    const hidden = document.visibilityState === "hidden";
    if (hidden) this.#unseen = Math.max(0, this.#errors - this.#errorsSeen);
    const away = state.kind === "live" ? "" : state.kind === "down" ? "✖ " : "… ";
    const unseen = this.#unseen > 0 ? `(${this.#unseen}) ` : "";
    const title = `${away}${unseen}${this.#app.page?.title ?? "Live"} · Gapless`;
    if (document.title !== title) document.title = title;
    // While it connects for the first time it is not away.
    const isAway = state.kind !== "live" && (this.#app.connection.wasUp || state.kind === "down");
    const icon = !isAway ? (this.#unseen > 0 ? "favicon-errors.svg" : "favicon.svg") : "favicon-away.svg";
    const link = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel="icon"]'));
    if (!link.href.endsWith(`/${icon}`)) link.href = link.href.replace(/[^/]*$/, icon);
  }

  #rate(now) {
    const { received } = this.#app.live.panel.feed;
    this.#rates.push([now, received]);
    while (this.#rates.length > 1 && now - this.#rates[0][0] > 3_000) this.#rates.shift();
    const [then, before] = this.#rates[0];
    return now - then < 500 ? 0 : Math.round(((received - before) * 1_000) / (now - then));
  }

  #onAccess() {
    if (this.#app.outdated) return location.reload();
    return this.#tell("access", "access", "Signed in");
  }

  #onConnection() {
    const { hub, api, watching } = this.#app;
    if (watching.behind) return this.#app.live.panel.feed.jump();
    if (api.state === "signed-out") return location.reload();
    if (hub.state.name === "waiting" || hub.state.name === "closed") return hub.reconnect();
    return this.#tell("connection", "connection", "Connection");
  }

  /** More about a part of the bar, beside it. */
  async #tell(id, part, label) {
    (await late(() => import("./about.js")))?.openAbout(find(id), part, label, this.#app, () => open("settings"));
  }

  /** What lies over the page, else what the page has open. */
  async #close() {
    if (document.querySelector(".popover")) (await import("./layers.js")).closeLayer();
    else this.#app.page?.onEscape?.();
  }

  #applyTheme() {
    const theme = settings.get("theme");
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    find("theme").title = `Theme: ${theme}`;
    this.#app.live?.panel.relook();
  }
}

function set(id, text) {
  const element = find(id);
  if (element.textContent !== text) element.textContent = text;
}
