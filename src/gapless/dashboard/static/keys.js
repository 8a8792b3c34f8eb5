/** Single keys, outside of fields and buttons: Space, End, /, and moving from row to row. */
import { find } from "./dom.js";

/** @param {import("./follow.js").Follow} follow */
export function listenToKeys(follow) {
  const keys = {
    "/": () => find("search").focus(),
    " ": () => (follow.following ? follow.pause() : follow.resume()),
    End: () => follow.resume(),
    G: () => follow.resume(),
    j: () => move(follow, 1),
    k: () => move(follow, -1),
  };
  const onRow = {
    ArrowDown: keys.j,
    ArrowUp: keys.k,
    Enter: (row) => row.querySelector(".details-opener")?.click(),
  };
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || find("page").open) return;
    if (target.closest("input, select, textarea, button, a")) return;
    const row = target.closest("#list li");
    const act = (row && onRow[event.key]) ?? keys[event.key];
    if (!act) return;
    event.preventDefault();
    act(row);
  });
}

/** Who moves among rows reads them, so the list no longer follows its end. */
function move(follow, step) {
  follow.pause();
  const rows = [...find("list").querySelectorAll("li")];
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? rows.length - 1 : at + step;
  rows[next]?.focus();
}
