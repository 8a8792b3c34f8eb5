import assert from "node:assert/strict";

import { range, unique } from "../stage.mjs";

export default {
  "is subscribed by its token": async (stage) => {
    const [news, mine] = [stage.channel("stream"), stage.channel("live")];
    const client = await stage.connected({ token: stage.token("ada", { channels: [news, mine] }) });
    const subscribed = await client.log.next("subscribed", 2);
    assert.deepEqual(subscribed.map((context) => context.channel).sort(), [news, mine].sort());
    const about = subscribed.find((context) => context.channel === news);
    assert.deepEqual([about.recoverable, about.positioned], [true, true]);
    await stage.server.publishNumbers(news, 1, 2);
    assert.deepEqual(await stage.numbers(client, 2), [1, 2]);
    assert.equal(client.log.all("publication")[0].channel, news);
  },

  "is subscribed by its token with data of its own": async (stage) => {
    const channel = stage.channel("room");
    const subs = { [channel]: { data: { seat: 4 }, info: { rank: "captain" } } };
    const client = await stage.connected({ token: stage.token("ada", { subs }) });
    const [context] = await client.log.next("subscribed");
    assert.deepEqual(stage.decode(context.data), { seat: 4 });
    const { clients } = await client.presence(channel);
    assert.deepEqual(stage.decode(Object.values(clients)[0].chanInfo), { rank: "captain" });
  },

  "is subscribed by the connect hook": async (stage) => {
    const channel = stage.channel("stream");
    const client = await stage.connected({ data: stage.encode({ channels: [channel] }) });
    await client.log.next("subscribed");
    await stage.server.publishNumbers(channel, 1, 1);
    assert.deepEqual(await stage.numbers(client, 1), [1]);
  },

  "recovers what the server subscribed it to": async (stage) => {
    const channel = stage.channel("stream");
    const wire = await stage.wire();
    const client = await stage.connected({ wire, token: stage.token("ada", { channels: [channel] }) });
    await stage.server.publishNumbers(channel, 1, 2);
    await stage.numbers(client, 2);
    await wire.without(() => stage.server.publishNumbers(channel, 3, 50));
    const [, again] = await client.log.next("subscribed", 2);
    assert.deepEqual([again.wasRecovering, again.recovered], [true, true]);
    await stage.server.publishNumbers(channel, 53, 1);
    assert.deepEqual(await stage.numbers(client, 53), range(1, 53));
  },

  "is subscribed and unsubscribed through the server's API": async (stage) => {
    const [user, channel] = [unique(), stage.channel("stream")];
    const client = await stage.connected({ token: stage.token(user) });
    await stage.server.publishNumbers(channel, 1, 3);
    await stage.server.api("subscribe", { user, channel, data: { from: "the back end" } });
    const [context] = await client.log.next("subscribed");
    assert.equal(context.channel, channel);
    assert.deepEqual([context.recoverable, context.streamPosition.offset], [true, 3]);
    assert.deepEqual(stage.decode(context.data), { from: "the back end" });
    await stage.server.publishNumbers(channel, 4, 1);
    assert.deepEqual(await stage.numbers(client, 1), [4]);
    await stage.server.api("unsubscribe", { user, channel });
    await client.log.next("unsubscribed");
    await stage.server.publishNumbers(channel, 5, 1);
    await client.rpc("echo", stage.encode({}));
    assert.equal(stage.data(client).length, 1);
  },

  "is subscribed through the server's API from a position on": async (stage) => {
    const [user, channel] = [unique(), stage.channel("stream")];
    const client = await stage.connected({ token: stage.token(user) });
    await stage.server.publishNumbers(channel, 1, 5);
    const { epoch } = await stage.server.api("history", { channel });
    await stage.server.api("subscribe", { user, channel, recover_since: { offset: 2, epoch } });
    await stage.server.publishNumbers(channel, 6, 1);
    assert.deepEqual(await stage.numbers(client, 4), [3, 4, 5, 6]);
  },

  "may not subscribe itself to what the server subscribed it to": async (stage) => {
    const channel = stage.channel("stream");
    const client = await stage.connected({ token: stage.token("ada", { channels: [channel] }) });
    const sub = stage.subscription(client, channel);
    sub.subscribe();
    assert.equal((await sub.log.next("unsubscribed"))[0].code, 105);
  },

  "comes back when the stream of a server-side subscription begins anew": async (stage) => {
    const channel = stage.channel("stream");
    const client = await stage.connected({ token: stage.token("ada", { channels: [channel] }) });
    await stage.server.publishNumbers(channel, 1, 3);
    await stage.numbers(client, 3);
    await stage.server.control("new-epoch", { channel, first: 1, count: 1 });
    const [, why] = await client.log.next("connecting", 2);
    assert.deepEqual(why, { code: 3010, reason: "insufficient state" });
    const [, again] = await client.log.next("subscribed", 2);
    assert.deepEqual([again.wasRecovering, again.recovered], [true, false]);
  },

  "is refused when its token names an unknown channel": async (stage) => {
    const client = stage.client({ token: stage.token("ada", { channels: [stage.channel("nowhere")] }) });
    client.connect();
    const [context] = await client.log.next("disconnected");
    assert.equal(context.code, 102);
  },
};
