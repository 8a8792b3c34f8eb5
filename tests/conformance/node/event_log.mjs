/** What an event emitter has said, in order, and promises for what it will say. */

export const DEADLINE_MS = 15_000;

export class EventLog {
  #waiting = new Set();

  /** `names` are the events that are kept. */
  constructor(emitter, names) {
    this.events = [];
    for (const name of names) {
      emitter.on(name, (context) => {
        this.events.push({ name, context });
        for (const look of this.#waiting) look();
      });
    }
  }

  /** The contexts of all events of a name so far. */
  all(name) {
    return this.events.filter((event) => event.name === name).map((event) => event.context);
  }

  /** The contexts of the first `count` events of a name, however long they take within the deadline. */
  async next(name, count = 1, where = () => true) {
    const found = () => this.all(name).filter(where);
    await this.until(`${count} × ${name}`, () => found().length >= count);
    return found().slice(0, count);
  }

  /** Waits until `holds()`, looked at after each event. Rejects, saying what came instead, at the deadline. */
  until(what, holds, deadline = DEADLINE_MS) {
    return new Promise((resolve, reject) => {
      const finish = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const look = () => {
        if (holds()) {
          finish();
          resolve();
        }
      };
      const timer = setTimeout(() => {
        finish();
        const came = this.events.slice(-20).map(({ name, context }) => `${name} ${JSON.stringify(context)}`);
        reject(new Error(`waited ${deadline} ms for: ${what}; came: ${came.join(", ") || "nothing"}`));
      }, deadline);
      this.#waiting.add(look);
      look();
    });
  }
}

/** Asks again and again until `ask()` gives something true; for what no event announces. */
export async function eventually(what, ask, deadline = DEADLINE_MS) {
  const end = Date.now() + deadline;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${deadline} ms for: ${what}`);
    await pause(25);
  }
}

/** For what happens by the clock: an expiry that passes, a ping that must not be missed. */
export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
