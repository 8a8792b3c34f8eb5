import assert from "node:assert/strict";

import { eventually } from "../event_log.mjs";
import { only, range, unique } from "../stage.mjs";

const protobuf = (transport) => transport.endsWith("protobuf");
const websocket = (transport) => transport.startsWith("websocket");
const text = (transport) => transport === "websocket-json";

const rejection = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("was accepted");
};

export default {
  "publishes to others and to itself, and says who it is": async (stage) => {
    const channel = stage.channel("room");
    const ada = await stage.connected({ token: stage.token("ada", { info: { name: "Ada" } }) });
    const bob = await stage.connected({ token: stage.token("bob") });
    const from = await stage.subscribed(ada, channel);
    const to = await stage.subscribed(bob, channel);
    await from.publish(stage.encode({ n: 1 }));
    await ada.publish(channel, stage.encode({ n: 2 }));
    for (const sub of [from, to]) {
      assert.deepEqual(await stage.numbers(sub, 2), [1, 2]);
      const [{ info, offset }] = sub.log.all("publication");
      assert.equal(info.user, "ada");
      assert.equal(info.client, ada.log.all("connected")[0].client);
      assert.deepEqual(stage.decode(info.connInfo), { name: "Ada" });
      assert.equal(offset, 1);
    }
  },

  "keeps the order of sixty publications that were not awaited": async (stage) => {
    const client = await stage.connected();
    const sub = await stage.subscribed(client, stage.channel("room"));
    // One frame: separate requests of an emulated transport may overtake each other.
    client.startBatching();
    const sent = range(1, 60).map((n) => sub.publish(stage.encode({ n })));
    client.stopBatching();
    await Promise.all(sent);
    assert.deepEqual(await stage.numbers(sub, 60), range(1, 60));
  },

  "may not publish where clients must not, nor to an unknown channel": async (stage) => {
    const client = await stage.connected();
    const sub = await stage.subscribed(client, stage.channel("stream"));
    assert.equal((await rejection(sub.publish(stage.encode({})))).code, 103);
    assert.equal((await rejection(client.publish(stage.channel("nowhere"), stage.encode({})))).code, 102);
    assert.equal(client.state, "connected");
  },

  "gets what the publish hook put in the place of its data": async (stage) => {
    const client = await stage.connected();
    const sub = await stage.subscribed(client, stage.channel("censored"));
    await sub.publish(stage.encode({ text: "darn" }));
    await sub.log.next("publication");
    assert.deepEqual(stage.data(sub), [{ text: "****" }]);
    assert.equal((await rejection(sub.publish(stage.encode({ text: "forbidden" })))).code, 1403);
  },

  "calls a method and gets its answer": async (stage) => {
    const client = await stage.connected({ token: stage.token("ada") });
    const { data } = await client.rpc("echo", stage.encode({ text: "żółw", list: [1, 2.5, null] }));
    assert.deepEqual(stage.decode(data), { user: "ada", said: { text: "żółw", list: [1, 2.5, null] } });
  },

  "is told that a method is unknown, and what went wrong in one": async (stage) => {
    const client = await stage.connected();
    assert.equal((await rejection(client.rpc("nothing", stage.encode({})))).code, 104);
    const error = await rejection(client.rpc("fail", stage.encode({})));
    assert.deepEqual([error.code, error.message], [1234, "as asked"]);
    assert.equal((await rejection(client.rpc("crash", stage.encode({})))).code, 100);
    assert.equal(client.state, "connected");
  },

  "sends a message that has no answer": async (stage) => {
    const client = await stage.connected();
    const text = unique();
    await client.send(stage.encode({ text }));
    await eventually("the message to arrive", async () => {
      const { sent } = await stage.server.control("sent");
      return sent.some((message) => message.text === text);
    });
  },

  "publishes bytes that are no JSON, which come as they are": only(protobuf, async (stage) => {
    const client = await stage.connected();
    const sub = await stage.subscribed(client, stage.channel("room"));
    const bytes = new Uint8Array([0, 255, 123, 10]);
    const came = new Promise((resolve) => sub.once("publication", resolve));
    await sub.publish(bytes);
    assert.deepEqual(new Uint8Array((await came).data), bytes);
    assert.equal(client.state, "connected");
  }),

  "is told that data in a frame is not JSON, and nothing of it is published": only(text, async (stage) => {
    const channel = stage.channel("room");
    const other = await stage.subscribed(await stage.connected(), channel);
    await stage.subscribed(await stage.connected(), channel);
    const said = new Promise((resolve) => stage.recorder.socket.once("message", resolve));
    stage.recorder.socket.send(`{"id":99,"publish":{"channel":"${channel}","data":{"a":NaN}}}`);
    const { id, error } = JSON.parse(await said);
    assert.deepEqual([id, error.code], [99, 107]);
    await stage.server.publish(channel, { n: 1 });
    assert.deepEqual(await stage.numbers(other, 1), [1]);
  }),

  "is disconnected for a frame that is not JSON at all": only(text, async (stage) => {
    const client = await stage.connected();
    stage.recorder.socket.send(`{"id":99,"rpc":`);
    const [context] = await client.log.next("disconnected");
    assert.equal(context.code, 3501);
    assert.ok(context.reason);
  }),

  "is closed for good after a message that is too large": only(websocket, async (stage) => {
    const client = await stage.connected();
    const sub = await stage.subscribed(client, stage.channel("room"));
    await rejection(sub.publish(stage.encode({ text: "x".repeat(300_000) })));
    const [context] = await client.log.next("disconnected");
    assert.equal(context.reason, "message size limit exceeded");
  }),
};
