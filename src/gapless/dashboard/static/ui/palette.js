/** One field that leads everywhere: pages, channels, actions. */
import { make } from "../core/dom.js";
import { bindings } from "../core/keys.js";
import * as settings from "../core/settings.js";
import { savedViews } from "../core/views.js";
import { plain } from "../log/ansi.js";
import { dialog } from "./layers.js";
import { openHelp } from "./help.js";
import { openSettings } from "./settings.js";

const SHOWN = 12;

export function openPalette(app) {
  const field = make("input", { type: "text", placeholder: "Go to a page or channel, or do something", autocomplete: "off", spellcheck: false, role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-label": "What to do" });
  const list = make("ul", { id: "palette-list", className: "palette", role: "listbox" });
  const all = entries(app);
  const layer = dialog("Go to", make("div", {}, field, list));
  layer.classList.add("palette-dialog");
  let found = [];
  let chosen = 0;
  const paint = () => {
    list.replaceChildren(...found.map(([kind, words, , note = ""], at) =>
      make("li", { role: "option", id: `palette-${at}`, "aria-selected": String(at === chosen), onclick: () => run(at) }, make("span", { className: "muted kind" }, kind), make("span", {}, plain(words)), make("kbd", { hidden: !note }, note))));
    field.setAttribute("aria-activedescendant", `palette-${chosen}`);
  };
  const run = (at) => {
    layer.close();
    found[at]?.[2]();
  };
  const search = () => {
    const words = field.value.trim().toLowerCase();
    found = all.map((entry) => [fit(entry[1].toLowerCase(), words), entry]).filter(([score]) => score > 0).sort((one, other) => other[0] - one[0]).slice(0, SHOWN).map(([, entry]) => entry);
    if (words) found.push(["query", `Filter for ${field.value.trim()}`, () => go(app, field.value.trim())]);
    chosen = 0;
    paint();
  };
  field.oninput = search;
  field.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) chosen = (chosen + step + found.length) % Math.max(1, found.length);
    else if (event.key === "Enter") run(chosen);
    else return;
    event.preventDefault();
    if (step) paint();
  };
  search();
  field.focus();
}

function entries(app) {
  const { live, channels } = app;
  const pages = [["live", "Live"], ["board", "Board"], ["channels", "Channels"], ["clients", "Clients"], ["server", "Server"]].map(([name, words], at) => ["page", words, () => (location.hash = `#/${name}`), `Shift+${at + 1}`]);
  const names = channels.list().slice(0, 2_000).map(({ name }) => ["channel", name, () => (channels.only(name), (location.hash.startsWith("#/live") || (location.hash = "#/live")))]);
  const actions = bindings().filter(({ group, always }) => group !== "Everywhere" && !always).map(({ words, keys, act }) => ["do", words, act, keys[0]]);
  const others = [
    ["do", "Settings", () => openSettings()],
    ["do", "Keys and queries", () => openHelp(), "?"],
    ["do", "Theme", () => settings.cycle("theme", ["system", "dark", "light"])],
    ["do", "Clear filter", () => live.box.setFilter("")],
  ];
  const views = savedViews().map(({ name, hash }) => ["view", name, () => (location.hash = hash)]);
  return [...pages, ...views, ...others, ...actions, ...names];
}

/** How well letters in this order fit; 0: not at all. */
function fit(text, words) {
  if (!words) return 1;
  const at = text.indexOf(words);
  if (at >= 0) return 1_000 - at - text.length / 100;
  let place = -1;
  let score = 100;
  for (const letter of words) {
    const next = text.indexOf(letter, place + 1);
    if (next < 0) return 0;
    score -= next - place - 1;
    place = next;
  }
  return Math.max(1, score);
}

function go(app, query) {
  if (app.page !== app.live) location.hash = "#/live";
  app.live.box.setFilter(query);
}
