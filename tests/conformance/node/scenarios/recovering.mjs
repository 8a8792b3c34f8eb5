import assert from "node:assert/strict";

import { pause } from "../event_log.mjs";
import { range } from "../stage.mjs";

const missing = (namespace, count) => async (stage) => {
  const wire = await stage.wire();
  const client = await stage.connected({ wire });
  const channel = stage.channel(namespace);
  const sub = await stage.subscribed(client, channel);
  await stage.server.publishNumbers(channel, 1, 2);
  await stage.numbers(sub, 2);
  await wire.without(() => stage.server.publishNumbers(channel, 3, count));
  const [, again] = await sub.log.next("subscribed", 2);
  return { sub, channel, again };
};

const recovers = (count) => async (stage) => {
  const { sub, channel, again } = await missing("stream", count)(stage);
  assert.deepEqual([again.wasRecovering, again.recovered], [true, true]);
  await stage.server.publishNumbers(channel, 3 + count, 2);
  assert.deepEqual(await stage.numbers(sub, 4 + count), range(1, 4 + count));
  const offsets = sub.log.all("publication").map((publication) => publication.offset);
  assert.deepEqual(offsets, range(1, 4 + count));
};

export default {
  "recovers one publication after its connection was cut": recovers(1),
  "recovers fifty publications after its connection was cut": recovers(50),

  "recovers more than a megabyte after its connection was cut": async (stage) => {
    const wire = await stage.wire();
    const client = await stage.connected({ wire });
    const channel = stage.channel("log");
    const sub = await stage.subscribed(client, channel);
    await wire.without(() => stage.server.publishNumbers(channel, 1, 300, { pad: 4_000 }));
    assert.equal((await sub.log.next("subscribed", 2))[1].recovered, true);
    await stage.server.publishNumbers(channel, 301, 1);
    assert.deepEqual(await stage.numbers(sub, 301), range(1, 301));
  },

  "recovers when it missed nothing": async (stage) => {
    const { again } = await missing("stream", 0)(stage);
    assert.deepEqual([again.wasRecovering, again.recovered, again.hasRecoveredPublications], [true, true, false]);
  },

  "is told when it missed more than the history holds, and goes on": async (stage) => {
    const { sub, channel, again } = await missing("tiny", 25)(stage);
    assert.deepEqual([again.wasRecovering, again.recovered], [true, false]);
    assert.equal(again.streamPosition.offset, 27);
    await stage.server.publishNumbers(channel, 28, 1);
    assert.deepEqual(await stage.numbers(sub, 3), [1, 2, 28]);
  },

  "begins at a position that it kept elsewhere": async (stage) => {
    const channel = stage.channel("stream");
    await stage.server.publishNumbers(channel, 1, 10);
    const { epoch } = await stage.server.api("history", { channel });
    const client = await stage.connected();
    const sub = await stage.subscribed(client, channel, { since: { offset: 4, epoch } });
    assert.equal(sub.log.all("subscribed")[0].recovered, true);
    assert.deepEqual(await stage.numbers(sub, 6), range(5, 10));
  },

  "begins at the very beginning": async (stage) => {
    const channel = stage.channel("stream");
    await stage.server.publishNumbers(channel, 1, 5);
    const sub = await stage.subscribed(await stage.connected(), channel, { since: {} });
    assert.deepEqual(await stage.numbers(sub, 5), range(1, 5));
  },

  "gets the newest publication of a cached channel, and it alone": async (stage) => {
    const channel = stage.channel("cache");
    await stage.server.publishNumbers(channel, 1, 5);
    const wire = await stage.wire();
    const client = await stage.connected({ wire });
    const sub = await stage.subscribed(client, channel, { since: {} });
    assert.equal(sub.log.all("subscribed")[0].recovered, true);
    assert.deepEqual(await stage.numbers(sub, 1), [5]);
    await wire.without(() => stage.server.publishNumbers(channel, 6, 3));
    assert.equal((await sub.log.next("subscribed", 2))[1].recovered, true);
    await stage.server.publishNumbers(channel, 9, 1);
    assert.deepEqual(await stage.numbers(sub, 3), [5, 8, 9]);
  },

  "gets the newest publication without asking where the channel says so": async (stage) => {
    const channel = stage.channel("autocache");
    await stage.server.publishNumbers(channel, 1, 3);
    const sub = await stage.subscribed(await stage.connected(), channel);
    assert.deepEqual(await stage.numbers(sub, 1), [3]);
  },

  "subscribes again by itself when the stream begins anew": async (stage) => {
    const client = await stage.connected();
    const channel = stage.channel("stream");
    const sub = await stage.subscribed(client, channel);
    await stage.server.publishNumbers(channel, 1, 3);
    await stage.numbers(sub, 3);
    await stage.server.control("new-epoch", { channel, first: 1, count: 1 });
    const [, why] = await sub.log.next("subscribing", 2);
    assert.deepEqual([why.code, why.reason], [2500, "insufficient state"]);
    const [before, after] = await sub.log.next("subscribed", 2);
    assert.deepEqual([after.wasRecovering, after.recovered], [true, false]);
    assert.notEqual(after.streamPosition.epoch, before.streamPosition.epoch);
    await stage.server.publishNumbers(channel, 2, 2);
    assert.deepEqual(await stage.numbers(sub, 5), [1, 2, 3, 2, 3]);
    assert.equal(client.log.all("connecting").length, 1);
  },

  "notices a new epoch when it comes back": async (stage) => {
    const wire = await stage.wire();
    const client = await stage.connected({ wire });
    const channel = stage.channel("stream");
    const sub = await stage.subscribed(client, channel);
    await stage.server.publishNumbers(channel, 1, 3);
    await stage.numbers(sub, 3);
    await wire.without(async () => {
      await stage.server.control("new-epoch", { channel });
      await stage.server.publishNumbers(channel, 1, 3); // the same offset as before
    });
    const [, again] = await sub.log.next("subscribed", 2);
    assert.deepEqual([again.wasRecovering, again.recovered], [true, false]);
  },

  "loads its state anew when its position is lost": async (stage) => {
    const wire = await stage.wire();
    const client = await stage.connected({ wire });
    const channel = stage.channel("tiny");
    await stage.server.publishNumbers(channel, 1, 3);
    let loads = 0;
    const getState = async () => {
      loads += 1;
      const { offset, epoch } = await stage.server.api("history", { channel });
      return { offset, epoch };
    };
    const sub = await stage.subscribed(client, channel, { getState });
    assert.equal(loads, 1);
    await wire.without(() => stage.server.publishNumbers(channel, 4, 25));
    await sub.log.next("subscribed", 2);
    assert.equal(loads, 2);
    await stage.server.publishNumbers(channel, 29, 1);
    assert.deepEqual(await stage.numbers(sub, 1), [29]);
  },

  "gets a thousand publications in order while it is cut off again and again": async (stage) => {
    const wire = await stage.wire();
    const client = await stage.connected({ wire });
    const channel = stage.channel("log");
    const sub = await stage.subscribed(client, channel);
    const publishing = (async () => {
      for (let first = 1; first <= 1000; first += 20) {
        await stage.server.publishNumbers(channel, first, 20);
        await pause(10);
      }
    })();
    for (let cuts = 1; cuts <= 5; cuts += 1) {
      await stage.numbers(sub, cuts * 120);
      await wire.without(() => pause(30));
      await sub.log.next("subscribed", cuts + 1);
    }
    await publishing;
    assert.deepEqual(await stage.numbers(sub, 1000), range(1, 1000));
    assert.ok(sub.log.all("subscribed").slice(1).every((context) => context.recovered));
  },
};
