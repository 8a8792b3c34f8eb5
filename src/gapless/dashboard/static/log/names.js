/** Names as small numbers, so that a column of them is a column of integers. Bounded: what is one too many is "other". */

const MAX_NAMES = 65_536;
const MAX_CHARACTERS = 256;
export const OTHER = "(other)";

export class Names {
  #ids = new Map([["", 0]]);
  #names = [""];
  /** How many rows there are of each, by id. @type {number[]} */
  counts = [0];

  get size() {
    return this.#names.length;
  }

  /** Are there rows of more than one? */
  get isMany() {
    let found = 0;
    for (let id = 0; id < this.counts.length && found < 2; id += 1) if (this.counts[id] > 0) found += 1;
    return found > 1;
  }

  /** @param {string} name */
  id(name) {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    if (this.#names.length >= MAX_NAMES) return this.#add(OTHER);
    return this.#add(name.length > MAX_CHARACTERS ? `${name.slice(0, MAX_CHARACTERS)}…` : name);
  }

  name(id) {
    return this.#names[id];
  }

  /** The most frequent, with how many rows there are of each. @returns {{id: number, name: string, count: number}[]} */
  top(limit) {
    const all = this.#names.map((name, id) => ({ id, name, count: this.counts[id] })).filter(({ count }) => count > 0);
    return all.sort((one, other) => other.count - one.count || (one.name < other.name ? -1 : 1)).slice(0, limit);
  }

  /** The number of characters of the longest name that has rows, at most `limit`. */
  longest(limit) {
    let longest = 0;
    for (let id = 1; id < this.#names.length && longest < limit; id += 1)
      if (this.counts[id] > 0) longest = Math.max(longest, this.#names[id].length);
    return Math.min(longest, limit);
  }

  #add(name) {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#names.push(name) - 1;
    this.#ids.set(name, id);
    this.counts.push(0);
    return id;
  }
}
