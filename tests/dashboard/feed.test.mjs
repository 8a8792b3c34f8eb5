import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed } from "../../src/gapless/dashboard/static/log/feed.js";
import { Ledger } from "../../src/gapless/dashboard/static/log/ledger.js";
import { Store } from "../../src/gapless/dashboard/static/log/store.js";
import { View } from "../../src/gapless/dashboard/static/log/view.js";

/** A hub that gives the test what the feed asked for. */
class Asked {
  subscriptions = new Map();

  subscribe(channel, deliver, options) {
    const subscription = { position: null, unsubscribe: () => this.subscriptions.delete(channel) };
    this.subscriptions.set(channel, { deliver, options, subscription });
    return subscription;
  }

  join(channel) {
    this.subscriptions.get(channel).options.onHistory({ epoch: "e", oldest: 1, head: 0, count: 0, recovered: null });
  }

  publish(channel, ...offsets) {
    for (const offset of offsets) this.subscriptions.get(channel).deliver({ offset, epoch: "e", data: { message: `line ${offset}` }, history: false });
  }
}

function feedOf() {
  const hub = new Asked();
  const store = new Store();
  const feed = new Feed(hub, store, new View(store), new Ledger());
  feed.turnOn("logs");
  hub.join("logs");
  return { hub, store, feed };
}

const turn = () => new Promise((resolve) => setTimeout(resolve));

test("what comes in one frame is told once, and when all of it is there", async () => {
  const { hub, store, feed } = feedOf();
  await turn();
  const seen = [];
  feed.onChange = () => seen.push(store.size);
  hub.publish("logs", ...Array.from({ length: 250 }, (_, at) => at + 1));
  await turn();
  assert.deepEqual(seen, [250]);
  hub.publish("logs", 251);
  await turn();
  assert.deepEqual(seen, [250, 251]);
});
