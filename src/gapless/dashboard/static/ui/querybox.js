/** The field that filters or finds, with what is wrong with the words in it. */
import { make } from "../core/dom.js";

const AFTER_MS = 120; // of typing

export class QueryBox {
  mode = "filter";
  /** @type {(text: string, how: {caseSensitive: boolean, regex: boolean}) => ({message: string, position: number}|null)} */
  onFilter = () => null;
  /** @type {(text: string, how: {caseSensitive: boolean, regex: boolean}) => ({message: string, position: number}|null)} */
  onFind = () => null;
  /** @type {(step: number) => void} */
  onStep = () => {};
  #timer = 0; // 0: what was typed is applied
  #texts = { filter: "", find: "" };

  constructor(parent) {
    this.field = make("input", { id: "query", type: "search", autocomplete: "off", spellcheck: false, autocapitalize: "none", enterKeyHint: "search", "aria-label": "Query", "aria-describedby": "query-problem" });
    this.problem = make("p", { id: "query-problem", className: "query-problem", role: "alert", hidden: true });
    this.hits = make("span", { className: "hits", "aria-live": "polite" });
    this.modes = make("div", { className: "modes", role: "radiogroup", "aria-label": "What the query does" }, this.#mode("filter", "Filter"), this.#mode("find", "Find"));
    this.regex = this.#toggle(".*", "The whole query is one regular expression");
    this.case = this.#toggle("Aa", "Upper and lower case count");
    this.element = make("div", { className: "query" }, this.field, this.hits, this.regex, this.case, this.modes, this.problem);
    parent.append(this.element);
    this.field.addEventListener("input", () => this.#soon());
    // What is done elsewhere is done with what was typed here.
    this.field.addEventListener("blur", () => this.#timer && this.apply());
    this.field.addEventListener("keydown", (event) => this.#onKey(event));
    this.setMode("filter");
  }

  /** The keys that lead here. @returns {import("../core/keys.js").Binding[]} */
  get keys() {
    return [
      { group: "Find", keys: ["/"], words: "Filter or find", act: () => this.focus() },
      { group: "Find", keys: ["Ctrl+f"], words: "Find in all lines", act: () => this.focus("find"), always: true, yields: () => this.mode === "find" && document.activeElement === this.field },
    ];
  }

  get how() {
    return { caseSensitive: this.case.getAttribute("aria-pressed") === "true", regex: this.regex.getAttribute("aria-pressed") === "true" };
  }

  set how({ caseSensitive, regex }) {
    this.case.setAttribute("aria-pressed", String(caseSensitive));
    this.regex.setAttribute("aria-pressed", String(regex));
  }

  get filter() {
    return this.mode === "filter" ? this.field.value : this.#texts.filter;
  }

  /** Put words in and apply them. */
  setFilter(text) {
    this.#texts.filter = text;
    if (this.mode === "filter") this.field.value = text;
    this.say(this.onFilter(text, this.how));
  }

  setMode(mode) {
    if (this.mode !== mode) this.#texts[this.mode] = this.field.value;
    this.mode = mode;
    this.field.value = this.#texts[mode];
    this.field.placeholder = innerWidth < 640 ? "" : mode === "filter" ? "Filter:  words, level>=warning, logger:app.*, ms>500" : "Find, without hiding the rest";
    for (const button of this.modes.querySelectorAll("button")) button.ariaChecked = String(button.dataset.mode === mode);
    this.hits.hidden = mode !== "find";
    this.apply();
  }

  focus(mode = this.mode) {
    if (mode !== this.mode) this.setMode(mode);
    this.field.focus();
    this.field.select();
  }

  apply() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const text = this.field.value;
    if (this.mode === "filter") this.say(this.onFilter(text, this.how));
    else this.say(this.onFind(text, this.how));
  }

  showHits(number, all) {
    this.hits.textContent = this.field.value.trim() ? `${number || "–"} of ${all}` : "";
  }

  /** What is wrong with the words, null: nothing. @param {{message: string, position: number}|null} error */
  say(error) {
    this.problem.hidden = !error;
    this.field.setAttribute("aria-invalid", String(Boolean(error)));
    if (!error) return;
    const text = this.field.value;
    const { position } = error;
    this.problem.replaceChildren(make("code", {}, text.slice(Math.max(0, position - 20), position), make("u", {}, text.slice(position, position + 1) || "␣"), text.slice(position + 1, position + 12)), ` ${error.message}`);
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.apply(), AFTER_MS);
  }

  #onKey(event) {
    if (event.key === "Enter") {
      this.apply();
      if (this.mode === "find") this.onStep(event.shiftKey ? -1 : 1);
      event.preventDefault();
    }
    if (event.key === "Escape") {
      if (this.field.value) {
        this.field.value = "";
        this.apply();
      } else this.field.blur();
      event.stopPropagation();
      event.preventDefault();
    }
  }

  #mode(mode, words) {
    return make("button", { type: "button", role: "radio", "data-mode": mode, onclick: () => (this.setMode(mode), this.field.focus()) }, words);
  }

  #toggle(label, title) {
    const button = make("button", { type: "button", className: "icon toggle", title, "aria-label": title, "aria-pressed": "false" }, label);
    button.onclick = () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      this.apply();
    };
    return button;
  }
}
