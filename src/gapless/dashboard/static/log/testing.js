/** A query as a test of publications that stand in no list: tiles of the board, hits of a search. */
import { toMatcher } from "./match.js";
import { toShape } from "./shape.js";
import { Store } from "./store.js";

/** One publication as a row. */
export function toRow(channel, epoch, offset, data) {
  const shape = toShape(data);
  return { channel, epoch, offset, time: shape.time, shape };
}

/**
 * @param {import("./query.js").Node} node
 * @param {{caseSensitive?: boolean, now?: number}} [how]
 * @returns {(row: ReturnType<typeof toRow>) => boolean}
 */
export function toTest(node, how) {
  const store = new Store();
  const matcher = toMatcher(node, store, how);
  if (!matcher) return () => true;
  return (row) => {
    store.clear();
    store.insert(0, [row]);
    return matcher(store.segments[0], 0);
  };
}
