/** The search in all that the server keeps, in a pane beside the list. */
import { Search } from "../log/search.js";
import { Found } from "../ui/found.js";

/**
 * @param {import("./live.js").Live} live
 * @param {{api: import("../core/api.js").Api, parent: HTMLElement, byIndex: boolean}} how `parent`: where the pane stands
 */
export function searchOlder(live, { api, parent, byIndex }) {
  const { panel } = live;
  if (!(live.found instanceof Found)) live.found = foundIn(live, parent);
  const open = [...panel.feed.channels.values()].filter(({ subscription }) => subscription?.position);
  const channels = open.map(({ name, epoch, oldest, subscription }) => ({ name, epoch, oldest, head: subscription.position.offset }));
  live.detail.close();
  live.found.open(new Search({ api, past: panel.past, channels, query: panel.asking.query, now: Date.now(), byIndex }), panel.asking.query);
}

function foundIn(live, parent) {
  const found = new Found(parent);
  found.onGoTo = ({ channel, epoch, offset }) => live.goToPosition(channel, epoch, offset);
  found.onAll = () => live.searchOlder({ byIndex: false });
  found.onClose = () => live.panel.scroller.focus({ preventScroll: true });
  return found;
}
