/**
 * What is known to be complete: for each channel how much came, which stretches of offsets are without a hole, and
 * every gap and return with its numbers. The page never says more than stands here.
 */

const MAX_NOTES = 500; // gaps and returns that are listed one by one

/**
 * @typedef {{channel: string, kind: "lost"|"unloaded"|"restart"|"unknown"|"feeder"|"source"|"cleared", from: number|null,
 *   to: number|null, count: number|null, epoch: string, reason: string, time: number}} Gap
 *   `count`: null when nobody knows
 * @typedef {{time: number, milliseconds: number, cause: string, recovered: number, lost: number, unknown: boolean}} Return
 */

export class Ledger {
  /** @type {Map<string, {received: number, epoch: string, ranges: [number, number][]}>} */
  channels = new Map();
  /** @type {Gap[]} */
  gaps = [];
  /** @type {Return[]} */
  returns = [];
  #forgotten = { lost: 0, gaps: 0 };

  received(channel, epoch, offset) {
    const known = this.#channel(channel);
    known.received += 1;
    if (offset === null) return;
    const last = known.ranges.at(-1);
    if (known.epoch === epoch && last && offset === last[1] + 1) last[1] = offset;
    else {
      if (known.epoch !== epoch) known.ranges = [];
      known.epoch = epoch;
      insert(known.ranges, offset);
    }
  }

  /** @param {Gap} gap @returns {Gap} */
  missed(gap) {
    this.#channel(gap.channel);
    this.gaps.push(gap);
    if (this.gaps.length > MAX_NOTES) {
      const [oldest] = this.gaps.splice(0, 1);
      this.#forgotten.gaps += 1;
      this.#forgotten.lost += oldest.kind === "lost" ? (oldest.count ?? 0) : 0;
    }
    return gap;
  }

  /** Rows of a gap came after all. */
  fetched(gap, count) {
    gap.count = Math.max(0, (gap.count ?? 0) - count);
    if (gap.count === 0) this.gaps = this.gaps.filter((other) => other !== gap);
  }

  /** What the hub still kept when a gap was to be filled was less than it was. */
  expired(gap) {
    gap.kind = "lost";
    gap.reason = "trimmed";
  }

  returned(entry) {
    this.returns.push(entry);
    if (this.returns.length > MAX_NOTES) this.returns.shift();
  }

  /** @returns {{lost: number, unloaded: number, unknown: number, gaps: number, restarts: number}} */
  get totals() {
    const sum = (kind) => this.gaps.filter((gap) => gap.kind === kind).reduce((all, gap) => all + (gap.count ?? 0), 0);
    const number = (kind) => this.gaps.filter((gap) => gap.kind === kind).length;
    return {
      lost: sum("lost") + sum("feeder") + this.#forgotten.lost,
      unloaded: sum("unloaded"),
      unknown: this.gaps.filter((gap) => gap.count === null && gap.kind !== "restart").length,
      restarts: number("restart"),
      gaps: this.gaps.length + this.#forgotten.gaps,
    };
  }

  #channel(name) {
    let known = this.channels.get(name);
    if (!known) this.channels.set(name, (known = { received: 0, epoch: "", ranges: [] }));
    return known;
  }
}

/** Put an offset among stretches, and join those that meet. */
function insert(ranges, offset) {
  let at = ranges.length;
  while (at > 0 && ranges[at - 1][0] > offset) at -= 1;
  const before = ranges[at - 1];
  if (before && offset <= before[1]) return;
  ranges.splice(at, 0, [offset, offset]);
  const after = ranges[at + 1];
  if (after && after[0] === offset + 1) ranges.splice(at, 2, [offset, after[1]]);
  if (before && before[1] === offset - 1) ranges.splice(at - 1, 2, [before[0], ranges[at][1]]);
}
