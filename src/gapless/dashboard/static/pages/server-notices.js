/** What happened while the page looked: the newest of the hub's notices. */
import { make } from "../core/dom.js";
import { count } from "../core/format.js";
import { clock } from "../core/time.js";
import { plain } from "../log/ansi.js";
import { levelOf } from "../log/levels.js";
import { toShape } from "../log/shape.js";

const SHOWN = 50;

export class Notices {
  #list = make("ol", { className: "notices" });
  #words = make("p", { className: "muted" }, "Nothing was lost, refused or went away since this page looks.");
  #more = make("p", { className: "muted", hidden: true });
  #number = 0;
  element = make("section", { className: "node notices-part" }, make("h3", {}, "What happens"), this.#words, this.#list, this.#more);

  /** @param {any} notice a log record */
  take(notice) {
    const { time, level, message, source } = toShape(notice);
    const mark = levelOf(level);
    const at = time === null ? "" : clock(time).slice(0, 8);
    const line = make("li", {}, make("time", { className: "muted" }, at), make("span", { className: `level-mark level-${mark.name}`, title: mark.name }, mark.letter), make("span", {}, plain(message)), make("span", { className: "muted" }, plain(source)));
    this.#list.prepend(line);
    while (this.#list.children.length > SHOWN) this.#list.lastChild.remove();
    this.#number += 1;
    this.#words.hidden = true;
    this.#more.hidden = this.#number <= SHOWN;
    this.#more.textContent = `and ${count(this.#number - SHOWN)} before these`;
  }
}
