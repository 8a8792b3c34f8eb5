/** What the tests of the page's modules make their stores and rows with. */
import { Store } from "../../src/gapless/dashboard/static/log/store.js";
import { toShape } from "../../src/gapless/dashboard/static/log/shape.js";

/** A row as the feed makes it. */
export function toRow(data, { channel = "logs", epoch = "e", offset = null } = {}) {
  const shape = toShape(data);
  return { channel, epoch, offset, time: shape.time, shape };
}

/** A store with these publications in it, numbered from 1. */
export function storeOf(publications, limits) {
  const store = new Store(limits);
  publications.forEach((data, at) => store.append(toRow(data, { offset: at + 1 })));
  return store;
}

/** Random numbers that are the same in every run. */
export function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

/** Something to run later, when the test says. */
export class Later {
  #work = [];
  schedule = (work) => this.#work.push(work);

  run() {
    while (this.#work.length) this.#work.shift()();
  }

  step() {
    this.#work.shift()?.();
  }
}
