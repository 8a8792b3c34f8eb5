/** What the pages beside Live have in common: a heading, a body that is refreshed while it is looked at, a drawer. */
import { make } from "../core/dom.js";

const REFUSED = {
  refused: ["This page needs the server's token.", "Sign in where the server offers it, or open the dashboard of a hub on this machine."],
  "signed-out": ["You are signed out.", "Reload the page to sign in again."],
  unreachable: ["The server does not answer.", "This page keeps trying."],
  absent: ["Something else than the hub answers at this address.", "Is the path in front of the hub what it should be?"],
};

export class Pane {
  #every;
  #timer = 0;
  #round = 0; // only the newest goes on
  #drawer = null;

  /** @param {import("../app.js").App} app @param {{title: string, every: number}} options `every`: milliseconds between two reads */
  constructor(app, { title, every }) {
    this.app = app;
    this.title = title;
    this.#every = every;
    this.tools = make("div", { className: "pane-tools" });
    this.body = make("div", { className: "pane-body", tabIndex: 0, role: "group", "aria-label": `${title}, the page` });
    this.notice = make("div", { className: "pane-notice", hidden: true });
    this.element = make("section", { className: `page pane ${title.toLowerCase()}`, "aria-label": title }, make("header", { className: "pane-head" }, make("h2", {}, title), this.tools), this.notice, this.body);
  }

  mount(parent) {
    parent.append(this.element);
    this.#loop();
  }

  unmount() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.closeDrawer();
    this.element.remove();
  }

  onEscape() {
    this.closeDrawer();
  }

  /** Read and paint. @returns {Promise<void>} */
  async refresh() {}

  /** A drawer with a title and what is in it, at the side. */
  openDrawer(title, ...content) {
    this.closeDrawer();
    const close = make("button", { type: "button", className: "icon", "aria-label": "Close", onclick: () => this.closeDrawer() }, "✕");
    this.#drawer = { focused: document.activeElement, element: make("aside", { className: "detail drawer", "aria-label": title }, make("header", {}, make("h2", {}, title), close), make("div", { className: "detail-body", tabIndex: 0 }, ...content)) };
    this.element.append(this.#drawer.element);
    close.focus({ preventScroll: true });
  }

  closeDrawer() {
    if (!this.#drawer) return;
    this.#drawer.element.remove();
    this.#drawer.focused?.focus?.();
    this.#drawer = null;
  }

  /** Why there is nothing to see; "" when there is. */
  say(title, words = "") {
    this.notice.hidden = title === "";
    this.body.hidden = title !== "";
    const text = `${title} ${words}`;
    if (title && this.notice.dataset.text !== text) this.notice.replaceChildren(make("h2", {}, title), make("p", {}, words));
    this.notice.dataset.text = text;
  }

  /** Read again at once: what is asked for is another thing now. */
  again() {
    if (this.element.isConnected) this.#loop();
  }

  async #loop() {
    clearTimeout(this.#timer);
    this.#round += 1;
    const round = this.#round;
    try {
      if (document.visibilityState === "visible") await this.refresh();
    } catch (error) {
      this.#onError(error);
    }
    const { state } = this.app.api;
    const again = round === this.#round && this.element.isConnected && state !== "refused" && state !== "signed-out";
    if (again) this.#timer = setTimeout(() => this.#loop(), this.#every);
  }

  #onError(error) {
    const { state } = this.app.api;
    if (REFUSED[state]) this.say(...REFUSED[state]);
    else if (error.code === 404) this.say("This server does not tell that.", "It may be of an older version than this page.");
    else if (error.code !== undefined) this.say("This could not be read.", `${error.message} (${error.code})`);
    else {
      this.say("This panel failed.", `${error.name}: ${error.message}`);
      console.error(error);
    }
  }
}
