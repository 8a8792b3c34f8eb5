import assert from "node:assert/strict";

import { pause } from "../event_log.mjs";
import { unique } from "../stage.mjs";

const arranged = async (stage) => {
  const user = unique();
  const client = await stage.connected({ token: stage.token(user) });
  const sub = await stage.subscribed(client, stage.channel("stream"));
  return { user, client, sub };
};

const comesBack = (code, reason) => async (stage) => {
  const { user, client, sub } = await arranged(stage);
  await stage.server.api("disconnect", { user, disconnect: { code, reason } });
  const [, why] = await client.log.next("connecting", 2);
  assert.deepEqual(why, { code, reason });
  await client.log.next("connected", 2);
  assert.equal((await sub.log.next("subscribed", 2))[1].recovered, true);
};

const staysAway = (code, reason) => async (stage) => {
  const { user, client } = await arranged(stage);
  await stage.server.api("disconnect", { user, ...(reason && { disconnect: { code, reason } }) });
  const [why] = await client.log.next("disconnected");
  assert.deepEqual(why, { code, reason: reason ?? "force disconnect" });
  await pause(300); // longer than it waits before it comes back
  assert.equal(client.state, "disconnected");
  assert.equal(client.log.all("connected").length, 1);
};

export default {
  "comes back after a disconnect with 3011": comesBack(3011, "force reconnect"),
  "comes back after a disconnect with 4321": comesBack(4321, "back in a moment"),
  "stays away after a disconnect without a code": staysAway(3503),
  "stays away after a disconnect with 3777": staysAway(3777, "please go"),
  "stays away after a disconnect with 4777": staysAway(4777, "and do not return"),

  "starts over with a new token when its state is invalidated": async (stage) => {
    const user = unique();
    const client = await stage.connected({ getToken: async () => stage.token(user) });
    const sub = await stage.subscribed(client, stage.channel("stream"));
    await stage.server.api("disconnect", { user, disconnect: { code: 3014, reason: "state invalidated" } });
    const [, again] = await sub.log.next("subscribed", 2);
    assert.deepEqual([again.wasRecovering, again.recovered], [true, false]);
    await stage.server.publishNumbers(sub.channel, 1, 1);
    assert.deepEqual(await stage.numbers(sub, 1), [1]);
  },

  "comes back after the server's API let its connection expire": async (stage) => {
    const { user, client, sub } = await arranged(stage);
    await stage.server.api("refresh", { user, expire_at: Math.floor(Date.now() / 1000) + 3600 });
    await stage.server.api("refresh", { user, expired: true });
    const [, why] = await client.log.next("connecting", 2);
    assert.deepEqual(why, { code: 3005, reason: "connection expired" });
    await client.log.next("connected", 2);
    await sub.log.next("subscribed", 2);
  },

  "is disconnected by its client id alone, and others stay": async (stage) => {
    const user = unique();
    const one = await stage.connected({ token: stage.token(user) });
    const other = await stage.connected({ token: stage.token(user) });
    await stage.server.api("disconnect", { user, client: one.log.all("connected")[0].client });
    await one.log.next("disconnected");
    await other.rpc("echo", stage.encode({}));
    assert.equal(other.state, "connected");
  },

  "is unsubscribed for good through the server's API": async (stage) => {
    const { user, client, sub } = await arranged(stage);
    await stage.server.api("unsubscribe", { user, channel: sub.channel });
    const [why] = await sub.log.next("unsubscribed");
    assert.deepEqual([why.code, why.reason], [2000, "server unsubscribe"]);
    await stage.server.publishNumbers(sub.channel, 1, 1);
    await client.rpc("echo", stage.encode({}));
    assert.equal(stage.data(sub).length, 0);
    assert.equal(client.state, "connected");
  },

  "leaves everything when it disconnects, and starts afresh": async (stage) => {
    const { client, sub } = await arranged(stage);
    client.disconnect();
    await client.log.next("disconnected");
    await stage.server.publishNumbers(sub.channel, 1, 5);
    client.connect();
    assert.deepEqual(await stage.numbers(sub, 5), [1, 2, 3, 4, 5]);
    const [first, second] = await client.log.next("connected", 2);
    assert.notEqual(first.client, second.client);
  },
};
