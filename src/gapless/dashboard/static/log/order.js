/** Rows by their times, as a permutation of how they arrived. What comes later stands behind them, as it comes. Pure. */

export class Order {
  #byTime; // number in the list → number as it arrived
  #numbers; // the other way round

  /** @param {Float64Array} times of the rows as they arrived; NaN: unknown, such a row stays behind the one before it */
  constructor(times) {
    const known = Float64Array.from(times);
    for (let at = 0; at < known.length; at += 1) if (Number.isNaN(known[at])) known[at] = at > 0 ? known[at - 1] : -Infinity;
    this.#byTime = Uint32Array.from(known, (_, at) => at);
    const isOrdered = known.every((time, at) => at === 0 || time >= known[at - 1]);
    if (!isOrdered) this.#byTime.sort((one, other) => (known[one] < known[other] ? -1 : known[one] > known[other] ? 1 : one - other));
    this.#numbers = new Uint32Array(known.length);
    this.#byTime.forEach((arrived, number) => (this.#numbers[arrived] = number));
  }

  arrivedAt(number) {
    return this.#byTime[number] ?? number;
  }

  numberOf(arrived) {
    return this.#numbers[arrived] ?? arrived;
  }
}
