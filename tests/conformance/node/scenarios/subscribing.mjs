import assert from "node:assert/strict";

import { pause } from "../event_log.mjs";
import { range, unique } from "../stage.mjs";

/** A token that runs out within a scenario; on a busy machine perhaps before the reply to its use. */
const briefly = (stage, channel) => stage.token("ada", { channel }, { lasts: 4 });
const wasSubscribed = (sub) => sub.log.all("subscribed").length > 0;

export default {
  "gets what is published after its subscribe reply": async (stage) => {
    const client = await stage.connected();
    const channel = stage.channel("live");
    const sub = await stage.subscribed(client, channel);
    await stage.server.publish(channel, { text: "grüße 🌍" });
    await sub.log.next("publication");
    assert.deepEqual(stage.data(sub), [{ text: "grüße 🌍" }]);
    assert.equal(sub.log.all("subscribed")[0].recoverable, false);
  },

  "gets nothing after unsubscribing and misses nothing when it subscribes again": async (stage) => {
    const client = await stage.connected();
    const channel = stage.channel("stream");
    const sub = await stage.subscribed(client, channel);
    await stage.server.publishNumbers(channel, 1, 3);
    await stage.numbers(sub, 3);
    sub.unsubscribe();
    await client.rpc("echo", stage.encode({})); // commands are handled in order: the unsubscribe is done
    await stage.server.publishNumbers(channel, 4, 3);
    await client.rpc("echo", stage.encode({}));
    assert.equal(stage.data(sub).length, 3);
    sub.subscribe();
    assert.deepEqual(await stage.numbers(sub, 6), range(1, 6));
    const [, again] = sub.log.all("subscribed");
    assert.equal(again.wasRecovering && again.recovered, true);
  },

  "ends up subscribed after changing its mind twenty times": async (stage) => {
    const client = await stage.connected();
    const channel = stage.channel("live");
    const sub = stage.subscription(client, channel);
    for (let turn = 0; turn < 20; turn += 1) {
      sub.subscribe();
      if (turn % 5 === 0) await pause(1);
      sub.unsubscribe();
    }
    sub.subscribe();
    await sub.ready(5_000);
    await stage.server.publish(channel, { n: 1 });
    assert.deepEqual(await stage.numbers(sub, 1), [1]);
    assert.equal(client.log.all("connecting").length, 1);
  },

  "subscribes to sixty channels in its first frame": async (stage) => {
    const client = stage.client();
    const subs = range(1, 60).map(() => stage.subscription(client, stage.channel("stream")));
    for (const sub of subs) sub.subscribe();
    client.connect();
    await Promise.all(subs.map((sub) => sub.log.next("subscribed")));
    await Promise.all(subs.map((sub) => stage.server.publish(sub.channel, { n: 1 })));
    await Promise.all(subs.map((sub) => sub.log.next("publication")));
  },

  "is refused an unknown channel": async (stage) => {
    const client = await stage.connected();
    const sub = stage.subscription(client, stage.channel("nowhere"));
    sub.subscribe();
    const [context] = await sub.log.next("unsubscribed");
    assert.equal(context.code, 102);
    assert.ok(context.reason);
  },

  "is refused a channel that the hook guards, and a private one without a token": async (stage) => {
    const client = await stage.connected({ token: stage.token("ada") });
    for (const channel of [stage.channel("guarded"), `$${stage.channel("secret")}`]) {
      const sub = stage.subscription(client, channel);
      sub.subscribe();
      const [context] = await sub.log.next("unsubscribed");
      assert.equal(context.code, 103, channel);
    }
  },

  "is in a private channel with a subscription token": async (stage) => {
    const client = await stage.connected({ token: stage.token("ada") });
    const channel = `$${stage.channel("secret")}`;
    const token = stage.token("ada", { channel, info: { seat: 7 } });
    const sub = await stage.subscribed(client, channel, { token });
    const { clients } = await sub.presence();
    const [member] = Object.values(clients);
    assert.deepEqual(stage.decode(member.chanInfo), { seat: 7 });
    await stage.server.publish(channel, { n: 1 });
    assert.deepEqual(await stage.numbers(sub, 1), [1]);
  },

  "is disconnected for the subscription token of somebody else": async (stage) => {
    const client = await stage.connected({ token: stage.token("ada") });
    const channel = `$${stage.channel("secret")}`;
    stage.subscription(client, channel, { token: stage.token("bob", { channel }) }).subscribe();
    const [context] = await client.log.next("disconnected");
    assert.deepEqual(context, { code: 3500, reason: "invalid token" });
  },

  "fetches a new subscription token when its own has expired": async (stage) => {
    const client = await stage.connected({ token: stage.token("ada") });
    const channel = `$${stage.channel("secret")}`;
    let asked = 0;
    const getToken = async (context) => {
      asked += 1;
      assert.equal(context.channel, channel);
      return stage.token("ada", { channel });
    };
    const token = stage.token("ada", { channel }, { lasts: -60 });
    await stage.subscribed(client, channel, { token, getToken });
    assert.equal(asked, 1);
  },

  "refreshes its subscription token before the subscription expires": async (stage) => {
    const client = await stage.connected({ token: stage.token("ada") });
    const channel = `$${stage.channel("secret")}`;
    let refreshed = 0;
    const getToken = async () => {
      if (!wasSubscribed(sub)) return briefly(stage, channel);
      refreshed += 1;
      return stage.token("ada", { channel });
    };
    const sub = stage.subscription(client, channel, { token: briefly(stage, channel), getToken });
    sub.subscribe();
    await sub.log.next("subscribed");
    await pause(7_500); // beyond the expiry and the grace of the first token
    assert.equal(refreshed, 1);
    await stage.server.publish(channel, { n: 1 });
    await stage.numbers(sub, 1);
    assert.equal(sub.log.all("subscribed").length, 1);
  },

  "loses a subscription that is not refreshed, and comes back with a new token": async (stage) => {
    const client = await stage.connected({ token: stage.token("ada") });
    const channel = `$${stage.channel("secret")}`;
    const never = new Promise(() => {});
    const getToken = async () => {
      if (!wasSubscribed(sub)) return briefly(stage, channel);
      return sub.state === "subscribed" ? never : stage.token("ada", { channel });
    };
    const sub = stage.subscription(client, channel, { token: briefly(stage, channel), getToken });
    sub.subscribe();
    const [, again] = await sub.log.next("subscribing", 2);
    assert.deepEqual([again.code, again.reason], [2501, "subscription expired"]);
    await sub.log.next("subscribed", 2);
    assert.equal(client.log.all("connecting").length, 1);
  },

  "is in a channel that lists its user, and in no other": async (stage) => {
    const client = await stage.connected({ token: stage.token("ada") });
    await stage.subscribed(client, `${stage.channel("limited")}#ada,bob`);
    const other = stage.subscription(client, `${stage.channel("limited")}#bob`);
    other.subscribe();
    const [context] = await other.log.next("unsubscribed");
    assert.equal(context.code, 103);
  },

  "exchanges data with the subscribe hook": async (stage) => {
    const client = await stage.connected();
    const sub = await stage.subscribed(client, stage.channel("greeted"), { data: stage.encode({ greet: unique() }) });
    const [context] = sub.log.all("subscribed");
    assert.match(stage.decode(context.data).greeting, /^welcome /);
  },

  "is told cleanly that there are no map and no shared poll channels": async (stage) => {
    const client = await stage.connected();
    const map = client.newMapSubscription(stage.channel("stream"));
    const poll = client.newSharedPollSubscription(stage.channel("stream"), { getSignature: async () => ({}) });
    for (const sub of [map, poll]) {
      const gone = new Promise((resolve) => sub.on("unsubscribed", resolve));
      sub.subscribe();
      const { code } = await gone;
      assert.ok([103, 108].includes(code), `code ${code}`);
    }
    assert.equal(client.state, "connected");
  },
};
