import assert from "node:assert/strict";

import { unique } from "../stage.mjs";

const id = (client) => client.log.all("connected").at(-1).client;

export default {
  "sees who is in the channel, as the server's API does": async (stage) => {
    const channel = stage.channel("room");
    const [user, other] = [unique(), unique()];
    const ada = await stage.connected({ token: stage.token(user) });
    const twin = await stage.connected({ token: stage.token(user) });
    const bob = await stage.connected({ token: stage.token(other) });
    const subs = [];
    for (const client of [ada, twin, bob]) subs.push(await stage.subscribed(client, channel));

    const { clients } = await subs[0].presence();
    assert.deepEqual(Object.keys(clients).sort(), [id(ada), id(twin), id(bob)].sort());
    assert.equal(clients[id(bob)].user, other);
    assert.deepEqual(await subs[0].presenceStats(), { numClients: 3, numUsers: 2 });
    assert.deepEqual(await stage.server.api("presence_stats", { channel }), { num_clients: 3, num_users: 2 });

    subs[1].unsubscribe();
    bob.disconnect();
    await stage.present(channel, [id(ada)]);
    assert.deepEqual(await ada.presenceStats(channel), { numClients: 1, numUsers: 1 });
  },

  "is gone from presence when its connection is cut": async (stage) => {
    const channel = stage.channel("room");
    const wire = await stage.wire();
    const watcher = await stage.connected();
    await stage.subscribed(watcher, channel);
    const client = await stage.connected({ wire });
    await stage.subscribed(client, channel);
    await stage.present(channel, [id(watcher), id(client)]);
    await wire.cut();
    await stage.present(channel, [id(watcher)]);
  },

  "hears who joins and who leaves, itself included": async (stage) => {
    const channel = stage.channel("room");
    const ada = await stage.connected({ token: stage.token("ada") });
    const sub = await stage.subscribed(ada, channel, { joinLeave: true });
    const [own] = await sub.log.next("join");
    assert.deepEqual([own.channel, own.info.client, own.info.user], [channel, id(ada), "ada"]);

    const bob = await stage.connected({ token: stage.token("bob") });
    const other = await stage.subscribed(bob, channel, { joinLeave: true });
    const [, joined] = await sub.log.next("join", 2);
    assert.equal(joined.info.user, "bob");
    const about = id(bob);
    bob.disconnect();
    const [left] = await sub.log.next("leave");
    assert.equal(left.info.client, about);
    assert.equal(other.log.all("leave").length, 0);
  },

  "hears nobody when it did not ask": async (stage) => {
    const channel = stage.channel("room");
    const ada = await stage.connected();
    const sub = await stage.subscribed(ada, channel);
    await stage.subscribed(await stage.connected(), channel);
    await stage.server.publish(channel, { n: 1 });
    await stage.numbers(sub, 1);
    assert.equal(sub.log.all("join").length, 0);
  },

  "is refused presence where it is off": async (stage) => {
    const client = await stage.connected();
    const sub = await stage.subscribed(client, stage.channel("live"));
    for (const call of [sub.presence(), sub.presenceStats(), sub.history({ limit: 1 })]) {
      await assert.rejects(call, (error) => error.code === 108);
    }
  },
};
