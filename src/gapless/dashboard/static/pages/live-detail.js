/** The details of a line, in a pane beside the list; what a search has found waits behind them. */
import { Detail } from "../ui/detail.js";

/**
 * @param {import("./live.js").Live} live
 * @param {number} key of the line
 * @param {string|undefined} tab
 * @param {{parent: HTMLElement, onField: (how: string, path: string, value: any) => void}} how `parent`: where the pane stands
 */
export function openDetail(live, key, tab, { parent, onField }) {
  const { panel } = live;
  const place = panel.store.find(key);
  if (!place) return;
  if (!(live.detail instanceof Detail)) live.detail = detailIn(live, parent, onField);
  if (live.found.isOpen) live.found.cover(true);
  live.detail.open({ ...place, key }, tab);
  panel.list.redraw();
}

function detailIn(live, parent, onField) {
  const { panel } = live;
  const detail = new Detail(parent, panel.store);
  detail.onField = onField;
  detail.onGoTo = (key) => (panel.reader.goTo(key), live.openDetail(key));
  detail.onClose = () => {
    live.found.cover(false);
    panel.scroller.focus({ preventScroll: true });
  };
  return detail;
}
