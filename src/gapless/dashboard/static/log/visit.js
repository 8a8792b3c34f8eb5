/** How far the visit before this one had come, so that what is new since then can be told. */

export class LastVisit {
  #left;

  /** @param {Record<string, string>} positions where it left each channel, as "EPOCH:OFFSET" */
  constructor(positions) {
    this.#left = positions;
  }

  /** Is this the first publication behind those that it had seen? It is so once for each channel. */
  endsBefore(channel, epoch, offset) {
    const left = this.#left[channel];
    if (!left || offset === null) return false;
    const [, leftEpoch, leftOffset] = /^(.*):(\d+)$/.exec(left) ?? [];
    if (leftEpoch === epoch && offset <= Number(leftOffset)) return false;
    delete this.#left[channel];
    return leftEpoch === epoch && offset === Number(leftOffset) + 1;
  }
}
