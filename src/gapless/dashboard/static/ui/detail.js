/** Everything about one row, beside the list: fields, exception, raw text, what stands around it. */
import { copyText, download } from "../core/clipboard.js";
import { make } from "../core/dom.js";
import { count } from "../core/format.js";
import { inline, stringify } from "../core/json.js";
import { clock, day } from "../core/time.js";
import { linkTo } from "../core/url.js";
import { cut } from "../log/ansi.js";
import { levelOf } from "../log/levels.js";
import { hueOf } from "../log/row.js";
import { exceptionOf, fieldsOf, pageOf } from "../log/shape.js";
import { nodesOf, plain, shown } from "../log/text.js";
import { toNodes } from "./markdown.js";
import { tree } from "./tree.js";

const CHARACTERS = 256 * 1024; // beyond that it is a file to download
const AROUND = 20; // rows on either side

export class Detail {
  /** A field was chosen: "filter", "exclude", "column", "facet". @type {(how: string, path: string, value: any) => void} */
  onField = () => {};
  /** @type {(key: number) => void} */
  onGoTo = () => {};
  onClose = () => {};
  #tab = "fields";
  #item = null;
  #store;

  constructor(parent, store) {
    this.#store = store;
    this.title = make("h2", {});
    this.body = make("div", { className: "detail-body", tabIndex: 0 });
    this.tabs = make("div", { className: "tabs", role: "tablist" });
    const close = make("button", { type: "button", className: "icon", "aria-label": "Close details", title: "Close (Esc)", onclick: () => this.close() }, "✕");
    this.element = make("aside", { className: "detail", hidden: true, "aria-label": "Details of a line" }, make("header", {}, this.title, close), this.tabs, this.body);
    parent.append(this.element);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** @param {{segment: object, index: number, key: number}} item @param {string} [tab] */
  open(item, tab = this.#tab) {
    this.#item = item;
    this.element.hidden = false;
    const row = this.#store.row(item.segment, item.index);
    const data = this.#store.data(item.segment, item.index);
    const level = levelOf(row.level);
    this.title.replaceChildren(make("span", { className: `level-mark level-${level.name}` }, level.letter), make("span", { className: `hue-${hueOf(row.logger)}` }, shown(row.logger || row.channel)));
    /** @type {Record<string, [string, () => HTMLElement]|false|null>} */
    const tabs = {
      fields: ["Fields", () => this.#fields(row, data)],
      exception: exceptionOf(data) && ["Exception", () => exception(exceptionOf(data))],
      page: pageOf(data) !== null && ["Page", () => page(pageOf(data))],
      raw: ["Raw", () => raw(row, data)],
      context: ["Context", () => this.#context(row.key)],
    };
    const chosen = tabs[tab] ? tab : "fields";
    this.#tab = tab;
    this.tabs.replaceChildren(
      ...Object.entries(tabs).flatMap(([name, each]) => (each ? [[name, each[0]]] : [])).map(([name, words]) =>
        make("button", { type: "button", role: "tab", "aria-selected": String(name === chosen), onclick: () => this.open(this.#item, name) }, words)),
    );
    this.body.replaceChildren(tabs[chosen][1]());
    this.body.scrollTop = 0;
  }

  close() {
    if (!this.isOpen) return;
    this.element.hidden = true;
    this.#item = null;
    this.onClose();
  }

  #fields(row, data) {
    const facts = [
      ["Time", row.time === null ? "unknown" : `${day(row.time)} ${clock(row.time)}`, row.time === null ? "" : new Date(row.time).toISOString()],
      ["Level", levelOf(row.level).name === "none" ? "none" : levelOf(row.level).name, ""],
      ["Logger", row.logger, ""],
      ["Source", row.source, ""],
      ["Position", row.position, ""],
    ].filter(([, value]) => value);
    const list = make("dl", { className: "facts" }, ...facts.flatMap(([name, value, title]) => [make("dt", {}, name), make("dd", { title }, shown(value))]));
    const message = make("pre", { className: "message-block" }, ...nodesOf(cut(row.message, CHARACTERS), { links: true }));
    const entries = fieldsOf(data, row.message);
    const actions = make("div", { className: "actions" },
      button("Copy line", (event) => said(event, copyText(plain(row.message)))),
      button("Copy JSON", (event) => said(event, copyText(stringify(data)))),
      row.offset === null ? null : button("Copy link", (event) => said(event, copyText(linkTo(row)))));
    return make("div", {}, message, actions, list, entries.length ? make("h3", {}, "Fields") : null, entries.length ? tree(entries, (path, value) => this.#actions(path, value)) : null);
  }

  #actions(path, value) {
    const act = (label, title, how) => make("button", { type: "button", className: "icon", title: `${title} ${plain(path)}`, "aria-label": `${title} ${plain(path)}`, onclick: () => this.onField(how, path, value) }, label);
    const copy = make("button", { type: "button", className: "icon", title: "Copy the value", "aria-label": `Copy the value of ${plain(path)}` }, "copy");
    copy.onclick = (event) => said(event, copyText(inline(value)), "copied");
    return make("span", { className: "field-actions" }, act("only", "Only lines with this", "filter"), act("not", "No lines with this", "exclude"), act("column", "Column for", "column"), act("facet", "Facet for", "facet"), copy);
  }

  /** What came before and after, whatever the filter says. */
  #context(key) {
    const around = [];
    const { segments } = this.#store;
    const at = segments.findIndex((segment) => key >= segment.start && key < segment.end);
    const collect = (step) => {
      let left = AROUND;
      let [number, index] = [at, key - segments[at].start + step];
      while (left > 0 && segments[number]) {
        const segment = segments[number];
        if (index < 0 || index >= segment.count) {
          number += step;
          index = step > 0 ? 0 : (segments[number]?.count ?? 0) - 1;
          continue;
        }
        around.push({ segment, index, key: segment.start + index });
        index += step;
        left -= 1;
      }
    };
    if (at < 0) return make("p", { className: "muted" }, "This line has left the page.");
    collect(-1);
    around.reverse();
    around.push({ segment: segments[at], index: key - segments[at].start, key });
    collect(1);
    return make("ol", { className: "context" }, ...around.map((item) => {
      const row = this.#store.row(item.segment, item.index);
      const line = make("button", { type: "button", onclick: () => this.onGoTo(item.key) }, make("span", { className: "muted" }, clock(row.time)), " ", make("span", { className: `level-mark level-${levelOf(row.level).name}` }, levelOf(row.level).letter), " ", ...nodesOf(cut(row.message.split("\n", 1)[0], 300)));
      return make("li", { className: item.key === key ? "current" : "" }, line);
    }));
  }
}

/** A Markdown page, at most so much of it. */
export function page(text) {
  const start = cut(text, CHARACTERS);
  const rest = text.length - start.length;
  return make("article", { className: "markdown" }, toNodes(start), rest > 0 ? make("p", { className: "muted" }, `… ${count(rest)} more characters`) : null);
}

function exception({ type, message, text, frames }) {
  const innermost = frames.toReversed().slice(0, 100).map((frame) => make("li", {}, make("code", {}, shown(typeof frame === "object" && frame !== null ? `${frame.file ?? frame.filename ?? "?"}:${frame.line ?? frame.lineno ?? "?"} in ${frame.function ?? frame.name ?? "?"}` : inline(frame)))));
  return make("div", {},
    make("p", { className: "exception-head" }, make("strong", {}, shown(type)), type ? ": " : "", ...nodesOf(cut(message, 4_000))),
    innermost.length ? make("h3", {}, "Frames, the innermost first") : null,
    innermost.length ? make("ol", { className: "frames" }, ...innermost) : null,
    make("div", { className: "actions" }, button("Copy traceback", (event) => said(event, copyText(text))), text.length > CHARACTERS ? button("Download", () => download("traceback.txt", text)) : null),
    block(text));
}

function raw(row, data) {
  const text = typeof data === "string" ? data : stringify(data, 2);
  const actions = make("div", { className: "actions" }, button("Copy", (event) => said(event, copyText(text))), button("Download", () => download(`${row.channel}-${row.offset ?? "line"}.json`, text)));
  return make("div", {}, actions, block(text));
}

function block(text) {
  const start = cut(text, CHARACTERS);
  const rest = text.length - start.length;
  return make("pre", { className: "block" }, ...nodesOf(start, { links: true }), rest > 0 ? make("span", { className: "muted" }, `\n… ${count(rest)} more characters: download them`) : null);
}

function button(label, onclick) {
  return make("button", { type: "button", onclick }, label);
}

/** The button says whether it worked, for a moment. */
async function said(event, worked, words = "Copied") {
  const target = event.currentTarget;
  const before = target.textContent;
  target.textContent = (await worked) ? words : "Could not copy";
  setTimeout(() => (target.textContent = before), 1_200);
}
