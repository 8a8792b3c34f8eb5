/** How many rows of each level there were, by time. Pure counting; `chart.js` draws it. */
import { LEVELS } from "./levels.js";

export const RANGES = [60_000, 300_000, 900_000, 3_600_000, 21_600_000, 86_400_000]; // milliseconds
export const BUCKETS = 120;
const INDEX = new Uint8Array(256);
LEVELS.forEach(({ rank }, index) => (INDEX[rank] = index));

/**
 * @typedef {{from: number, to: number, width: number, counts: Uint32Array, total: number, most: number}} Histogram
 *   `counts`: LEVELS.length numbers for each bucket; `most`: in the fullest bucket
 */

/**
 * @param {Iterable<{segment: import("./segment.js").Segment, indices: number[]|null}>} parts of a view
 * @param {number} from @param {number} to milliseconds since 1970
 * @returns {Histogram}
 */
export function countRows(parts, from, to, buckets = BUCKETS) {
  const levels = LEVELS.length;
  const counts = new Uint32Array(buckets * levels);
  const width = (to - from) / buckets;
  const put = (segment, index) => {
    const bucket = Math.floor((segment.time[index] - from) / width);
    if (bucket >= 0 && bucket < buckets) counts[bucket * levels + INDEX[segment.level[index]]] += 1;
  };
  for (const { segment, indices } of parts) {
    if (segment.lastTime < from || segment.firstTime > to) continue;
    if (indices) for (const index of indices) put(segment, index);
    else for (let index = 0; index < segment.count; index += 1) put(segment, index);
  }
  let total = 0;
  let most = 0;
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    let sum = 0;
    for (let level = 0; level < levels; level += 1) sum += counts[bucket * levels + level];
    total += sum;
    most = Math.max(most, sum);
  }
  return { from, to, width, counts, total, most };
}

const WIDTHS = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000]; // milliseconds

/** The shortest range of buckets of a round width that holds what there is, in milliseconds; at most a hundred and twenty days. */
export function fittingRange(firstTime, lastTime) {
  const length = lastTime - firstTime;
  return BUCKETS * (WIDTHS.find((width) => width * (BUCKETS - 2) >= length) ?? WIDTHS.at(-1));
}
