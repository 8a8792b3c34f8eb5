/**
 * Rows that say the same as the one before them, shown as one of them with a number. Pure. What stands in another
 * segment, or behind a mark, begins anew: a fold never hides that something is missing.
 */

const MASKED = /"[^"\n]*"|'[^'\n]*'|\d+/g; // what differs from row to row, and does not make it another message
const CHARACTERS = 500; // of a message that are compared

/**
 * @typedef {import("./segment.js").Segment} Segment
 * @typedef {{shown: number[], times: Map<number, number>, head: number, template: string}} Fold
 *   `shown`: indices of the rows that stand in the list; `times`: how many rows each head stands for; `head`: of the newest
 */

export class Folding {
  /** @type {Map<Segment, Fold>} */
  #folds = new Map();
  #unfolded = new Set(); // keys of heads whose rows are all shown
  #alike;
  #isCut;

  /**
   * @param {(segment: Segment, index: number) => string} alike what rows that fold have in common
   * @param {(from: number, to: number) => boolean} isCut does a mark stand between rows of these keys?
   */
  constructor(alike, isCut) {
    this.#alike = alike;
    this.#isCut = isCut;
  }

  /** The next row of a segment that is to be shown. */
  take(segment, index) {
    let fold = this.#folds.get(segment);
    if (!fold) this.#folds.set(segment, (fold = { shown: [], times: new Map(), head: -1, template: "" }));
    const template = this.#alike(segment, index);
    const { head, shown, times } = fold;
    const isRepeat = head >= 0 && template === fold.template && !this.#isCut(segment.start + head, segment.start + index);
    if (isRepeat) times.set(head, times.get(head) + 1);
    else Object.assign(fold, { head: index, template }).times.set(index, 1);
    if (!isRepeat || this.#unfolded.has(segment.start + head)) shown.push(index);
  }

  /** @param {Segment} segment @returns {number[]} ascending */
  shown(segment) {
    return this.#folds.get(segment)?.shown ?? [];
  }

  /** How many rows this one stands for. */
  times(segment, index) {
    return this.#folds.get(segment)?.times.get(index) ?? 1;
  }

  /** The row that stands for this one. @returns {number} its index */
  headOf(segment, index) {
    return this.shown(segment).findLast((each) => each <= index) ?? index;
  }

  /** Show what is folded into a row, or fold it again. Its segment is to be taken anew. */
  toggle(key) {
    if (!this.#unfolded.delete(key)) this.#unfolded.add(key);
  }

  forget(segment) {
    this.#folds.delete(segment);
  }
}

/** What rows have in common that repeat one another: where they come from, how bad it is, and the words without numbers. */
export function template(segment, index) {
  const words = segment.message[index].slice(0, CHARACTERS).replace(MASKED, "#");
  return `${segment.stream[index]} ${segment.logger[index]} ${segment.level[index]} ${words}`;
}
