/** Which channels there are, and a switch for each. */
import { make } from "./dom.js";
import { count } from "./format.js";
import { shown } from "./text.js";

const REFRESH_MS = 10_000;
const REFRESH_NONE_MS = 2_000; // while there is none yet
const MAX_ON = 30; // switched on without being asked to

export class Channels {
  /**
   * What became of the list: "signed-out" when it was given once and now needs a credential.
   * @type {"unknown"|"given"|"refused"|"signed-out"|"unavailable"|"unreachable"}
   */
  list = "unknown";
  #api;
  #feed;
  #parent;
  #onChange;
  #chosen;
  #switches = new Map();

  /**
   * @param {URL} base where the hub is mounted
   * @param {import("./feed.js").Feed} feed
   * @param {HTMLElement} parent of the switches
   * @param {() => void} onChange after a switch, and when there are more channels
   */
  constructor(base, feed, parent, onChange) {
    this.#api = new URL("api/channels", base);
    this.#feed = feed;
    this.#parent = parent;
    this.#onChange = onChange;
    // Channels that the page's address names are on; then the others wait for their switch.
    this.#chosen = new URLSearchParams(location.search).getAll("channel");
    for (const name of this.#chosen) this.#add(name, true);
    this.#keepFresh();
  }

  get size() {
    return this.#switches.size;
  }

  async refresh() {
    const { list, names } = await ask(this.#api);
    const wasGiven = this.list === "given" || this.list === "signed-out";
    this.list = list === "refused" && wasGiven ? "signed-out" : list;
    const added = names.filter((name) => !this.#switches.has(name));
    for (const name of added) this.#add(name, this.#chosen.length === 0 && this.#switches.size < MAX_ON);
    if (added.length > 0) this.#onChange();
  }

  #keepFresh() {
    const again = () => {
      if (document.visibilityState === "visible") this.refresh();
      this.#keepFresh();
    };
    setTimeout(again, this.size === 0 ? REFRESH_NONE_MS : REFRESH_MS);
  }

  turnAllOn() {
    for (const name of this.#switches.keys()) if (!this.#feed.isOn(name)) this.#feed.turnOn(name);
    this.#onChange();
  }

  /** Show what is on, how much came, and what was refused. */
  paint() {
    for (const [name, { button, number }] of this.#switches) {
      const channel = this.#feed.channels.get(name);
      button.setAttribute("aria-pressed", String(this.#feed.isOn(name)));
      button.title = channel?.error ? `${channel.error.message} (${channel.error.code})` : "";
      number.textContent = channel?.error ? "refused" : channel?.rows ? count(channel.rows) : "";
    }
  }

  #add(name, on) {
    const number = make("span", { className: "number" });
    const button = make("button", { type: "button", className: "chip" }, shown(name), number);
    button.onclick = () => {
      if (this.#feed.isOn(name)) this.#feed.turnOff(name);
      else this.#feed.turnOn(name);
      this.#onChange();
    };
    this.#switches.set(name, { button, number });
    this.#parent.append(button);
    if (on) this.#feed.turnOn(name);
  }
}

async function ask(api) {
  try {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(api, { method: "POST", headers, body: '{"all":true}', cache: "no-store" });
    if (response.status === 401) return { list: "refused", names: [] };
    const { channels } = (await response.json()).result ?? {};
    return channels ? { list: "given", names: Object.keys(channels).sort() } : { list: "unavailable", names: [] };
  } catch (error) {
    // Not JSON means that something else than the hub answers at this address.
    return { list: error instanceof SyntaxError ? "unavailable" : "unreachable", names: [] };
  }
}
