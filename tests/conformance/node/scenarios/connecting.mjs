import assert from "node:assert/strict";

import { eventually, pause } from "../event_log.mjs";
import { range, unique } from "../stage.mjs";

/** A token that runs out within a scenario; on a busy machine perhaps before the client is connected. */
const briefly = (stage) => stage.token("ada", {}, { lasts: 4 });
const wasConnected = (client) => client.log.all("connected").length > 0;

export default {
  "connects without a token": async (stage) => {
    const client = await stage.connected();
    const [context] = client.log.all("connected");
    assert.match(context.client, /^[0-9a-f-]{36}$/);
    assert.equal(client.state, "connected");
  },

  "connects with a token and is its user": async (stage) => {
    const user = unique();
    const client = await stage.connected({ token: stage.token(user, { info: { name: "Ada" } }) });
    const room = await stage.subscribed(client, stage.channel("room"));
    const { clients } = await room.presence();
    const [context] = client.log.all("connected");
    assert.deepEqual(Object.keys(clients), [context.client]);
    assert.equal(clients[context.client].user, user);
    assert.deepEqual(stage.decode(clients[context.client].connInfo), { name: "Ada" });
  },

  "stays away after an invalid token": async (stage) => {
    const client = stage.client({ token: stage.server.token({ sub: "eve" }, { secret: "x".repeat(40) }) });
    client.connect();
    const [context] = await client.log.next("disconnected");
    assert.deepEqual(context, { code: 3500, reason: "invalid token" });
    assert.equal(client.log.all("connected").length, 0);
  },

  "fetches a new token when its own has expired": async (stage) => {
    let asked = 0;
    const getToken = async () => {
      asked += 1;
      return stage.token("ada");
    };
    const client = await stage.connected({ token: stage.token("ada", {}, { lasts: -60 }), getToken });
    assert.equal(asked, 1);
    assert.equal(client.log.all("disconnected").length, 0);
  },

  "refreshes its token before the connection expires": async (stage) => {
    let refreshed = 0;
    const getToken = async () => {
      if (!wasConnected(client)) return briefly(stage);
      refreshed += 1;
      return stage.token("ada");
    };
    const client = stage.client({ token: briefly(stage), getToken });
    client.connect();
    await client.log.next("connected");
    await pause(7_500); // beyond the expiry and the grace of the first token
    assert.equal(refreshed, 1);
    await client.rpc("echo", stage.encode({ still: "here" }));
    assert.equal(client.log.all("connected").length, 1);
  },

  "is closed as expired when it does not refresh, and comes back with a new token": async (stage) => {
    const never = new Promise(() => {});
    const getToken = async () => {
      if (!wasConnected(client)) return briefly(stage);
      return client.state === "connected" ? never : stage.token("ada");
    };
    const client = stage.client({ token: briefly(stage), getToken });
    client.connect();
    const [, again] = await client.log.next("connecting", 2);
    assert.deepEqual(again, { code: 3005, reason: "connection expired" });
    await client.log.next("connected", 2);
  },

  "is closed as expired when it refreshes with an expired token, and comes back with a new one": async (stage) => {
    const getToken = async () => {
      if (!wasConnected(client)) return briefly(stage);
      return stage.token("ada", {}, { lasts: client.state === "connected" ? -60 : 3600 });
    };
    const client = stage.client({ token: briefly(stage), getToken });
    client.connect();
    const [, again] = await client.log.next("connecting", 2);
    assert.deepEqual(again, { code: 3005, reason: "connection expired" });
    await client.log.next("connected", 2);
  },

  "exchanges data with the connect hook": async (stage) => {
    const client = await stage.connected({ data: stage.encode({ greet: "Zoë" }) });
    const [context] = client.log.all("connected");
    assert.deepEqual(stage.decode(context.data), { greeting: "hello Zoë" });
  },

  "stays away when the connect hook says so": async (stage) => {
    const client = stage.client({ data: stage.encode({ refuse: 4501 }) });
    client.connect();
    const [context] = await client.log.next("disconnected");
    assert.deepEqual(context, { code: 4501, reason: "refused by the hook" });
  },

  "answers pings and is pinged on time": async (stage) => {
    // The server closes a connection whose pong does not come before its next ping.
    const client = await stage.connected({ maxServerPingDelay: 4_000 });
    await eventually("two pings", () => stage.recorder.pings >= 2);
    await client.rpc("echo", stage.encode({ still: "here" }));
    assert.equal(client.log.all("connecting").length, 1);
  },

  "connects and closes a hundred times and leaves nobody behind": async (stage) => {
    const room = stage.channel("room");
    const comeAndGo = async (turn) => {
      const client = stage.client({ token: stage.token("ada") });
      stage.subscription(client, room).subscribe();
      client.connect();
      // Each time a little later: before the handshake, in the middle of it, after the replies.
      if (turn % 4 === 3) await client.getSubscription(room).log.next("subscribed");
      else await pause(turn % 4 === 0 ? 0 : turn / 4);
      client.disconnect();
    };
    const lane = async (first) => {
      for (let turn = first; turn < 100; turn += 10) await comeAndGo(turn);
    };
    await Promise.all(range(0, 9).map(lane));
    await stage.present(room, []);
  },
};
