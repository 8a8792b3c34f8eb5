/** Clicks on rows: one opens, with Shift it chooses all up to there; what is folded is unfolded. */
import { selectionIn } from "./follow.js";

/**
 * @param {import("./panel.js").Panel} panel
 * @param {{onOpen: (key: number, tab?: string) => void}} options
 */
export function listenToClicks(panel, { onOpen }) {
  const { scroller, list } = panel;
  scroller.addEventListener("click", (event) => {
    const target = /** @type {Element} */ (event.target);
    const key = keyOf(target);
    if (key === null || target.closest("[data-unfold]")) return; // what is unfolded is the panel's
    if (target.closest("[data-fold]")) return panel.unfold(key);
    const opener = /** @type {HTMLElement|null} */ (target.closest("[data-open]"));
    if (opener) return onOpen(key, opener.dataset.open);
    if (event.shiftKey && list.current !== null) {
      selectionIn(scroller).empty();
      return panel.reader.chooseTo(panel.reader.anchor ?? list.current, key);
    }
    if (!selectionIn(scroller).isCollapsed) return;
    panel.reader.chooseNone();
    onOpen(key);
  });
}

/** Of the row that something stands in; null: it stands in none. */
export function keyOf(target) {
  const row = target.closest?.(".row");
  return row ? Number(row.dataset.key) : null;
}
