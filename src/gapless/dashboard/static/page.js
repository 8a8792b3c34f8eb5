/** A Markdown page that an event carries, in a dialog. */
import { find, make } from "./dom.js";
import { count } from "./format.js";
import { toNodes } from "./markdown.js";
import { pageOf } from "./record.js";
import { cut, shown } from "./text.js";

const MAX_CHARACTERS = 512 * 1024;

/** @param {import("./record.js").Record} record with a page */
export function openPage(record) {
  const page = pageOf(record);
  const start = cut(page, MAX_CHARACTERS);
  const rest = page.length - start.length;
  find("page-title").replaceChildren(shown(record.message || record.source));
  find("page-body").replaceChildren(toNodes(start));
  if (rest > 0) find("page-body").append(make("p", {}, `… ${count(rest)} more characters`));
  find("page").showModal();
  find("page-body").scrollTop = 0;
}
