/** Where the reader is: which row is the current one, which are chosen, and the way from one to the next. */

export class Reader {
  /** The end of a range that stays while the other moves. @type {number|null} */
  anchor = null;
  /** Another row is the current one. */
  onChange = () => {};
  #list;
  #view;
  #hits;
  #follow;

  /**
   * @param {import("./list.js").List} list
   * @param {import("./view.js").View} view what it shows
   * @param {import("./view.js").View} hits what is found in it
   * @param {import("./follow.js").Follow} follow whoever reads stands still
   */
  constructor(list, view, hits, follow) {
    this.#list = list;
    this.#view = view;
    this.#hits = hits;
    this.#follow = follow;
  }

  /** Make a row the current one, in sight; the list stands still. */
  goTo(row, { reason = "reading", centre = true } = {}) {
    const key = this.#view.shownFor(row);
    this.#follow.pause(reason);
    this.#list.current = key;
    this.#list.range = null;
    this.#list.reveal(this.#view.ordinalOf(key), { centre });
    this.onChange();
  }

  /** To the next row or mark that is wanted, from the current row on. @returns {boolean} is there one? */
  goToNext(step, isWanted) {
    const list = this.#list;
    const start = list.current === null ? this.#view.ordinalOf(list.inSight?.[step > 0 ? 0 : 1] ?? 0) - step : this.#view.ordinalOf(list.current);
    for (let ordinal = start + step; ordinal >= 0 && ordinal < this.#view.length; ordinal += step) {
      const item = this.#view.at(ordinal);
      if (!isWanted(item)) continue;
      if ("key" in item) this.goTo(item.key, { centre: false });
      else {
        this.#follow.pause("reading");
        list.current = item.mark.before;
        list.reveal(ordinal);
      }
      return true;
    }
    return false;
  }

  /** To the next hit, or the one before. */
  goToHit(step) {
    const { current, inSight } = this.#list;
    const { rows } = this.#hits;
    if (rows === 0) return;
    let ordinal = this.#hits.ordinalOf(current ?? inSight?.[step > 0 ? 0 : 1] ?? 0);
    if (step > 0 && current !== null && this.#hits.keyAt(ordinal) === current) ordinal += 1;
    if (step < 0) ordinal -= 1;
    this.goTo(this.#hits.keyAt((ordinal + rows) % rows));
  }

  /** Which hit the current row is, from 1; 0: none. */
  get hitNumber() {
    const { current } = this.#list;
    return current !== null && this.#hits.has(current) ? this.#hits.ordinalOf(current) + 1 : 0;
  }

  /** Choose all rows between two, which stand still from now on. */
  chooseTo(one, other) {
    this.#follow.pause("selecting");
    this.anchor = one;
    this.#list.range = this.#view.ordinalOf(one) <= this.#view.ordinalOf(other) ? [one, other] : [other, one];
    this.#list.redraw();
  }

  chooseAll() {
    const [first, last] = [this.#view.walk(0, 1).next().value, this.#view.walk(this.#view.length - 1, -1).next().value];
    if (first) this.chooseTo(first.key, last.key);
  }

  chooseNone() {
    this.anchor = null;
    if (!this.#list.range) return;
    this.#list.range = null;
    this.#list.redraw();
  }
}
