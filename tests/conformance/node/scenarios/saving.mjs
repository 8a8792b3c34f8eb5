import assert from "node:assert/strict";

import { range } from "../stage.mjs";

// The last letters differ in one byte of a two-byte character: a patch between them is no text.
const LETTERS = ["é", "è", "ê", "ë", "漢", "字", "🌍", "🌎"];
const page = (n) => ({
  n,
  text: "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. ".repeat(8),
  letter: LETTERS[n % LETTERS.length],
  more: "x".repeat(200),
});

const publishPages = async (stage, channel, first, last, more) => {
  for (const n of range(first, last)) await stage.server.publish(channel, page(n), more);
};

export default {
  "gets deltas and makes whole publications of them": async (stage) => {
    const channel = stage.channel("delta");
    const plain = await stage.subscribed(await stage.connected(), channel);
    await publishPages(stage, channel, 1, 2);
    const sub = await stage.subscribed(await stage.connected(), channel, { delta: "fossil" });
    await publishPages(stage, channel, 3, 20);
    await stage.numbers(sub, 18);
    await stage.numbers(plain, 20);
    assert.deepEqual(stage.data(sub), range(3, 20).map(page));
    assert.deepEqual(stage.data(plain), range(1, 20).map(page));
    const { numFullPayloads, numDeltaPayloads } = sub.deltaStats();
    assert.equal(numFullPayloads + numDeltaPayloads, 18);
    assert.ok(numDeltaPayloads >= 10, `${numDeltaPayloads} of 18 were deltas`);
  },

  "gets deltas only of what was published for them": async (stage) => {
    const channel = stage.channel("delta-on-demand");
    const sub = await stage.subscribed(await stage.connected(), channel, { delta: "fossil" });
    await publishPages(stage, channel, 1, 3);
    await publishPages(stage, channel, 4, 6, { delta: true });
    await publishPages(stage, channel, 7, 8);
    await stage.numbers(sub, 8);
    assert.deepEqual(stage.data(sub), range(1, 8).map(page));
    const { numDeltaPayloads } = sub.deltaStats();
    assert.ok(numDeltaPayloads >= 1 && numDeltaPayloads <= 3, `${numDeltaPayloads} were deltas`);
  },

  "recovers with deltas": async (stage) => {
    const channel = stage.channel("delta");
    const wire = await stage.wire();
    const client = await stage.connected({ wire });
    const sub = await stage.subscribed(client, channel, { delta: "fossil" });
    await publishPages(stage, channel, 1, 3);
    await stage.numbers(sub, 3);
    await wire.without(() => publishPages(stage, channel, 4, 9));
    assert.equal((await sub.log.next("subscribed", 2))[1].recovered, true);
    await publishPages(stage, channel, 10, 12);
    await stage.numbers(sub, 12);
    assert.deepEqual(stage.data(sub), range(1, 12).map(page));
  },

  "gets whole publications where deltas are off": async (stage) => {
    const channel = stage.channel("stream");
    const sub = await stage.subscribed(await stage.connected(), channel, { delta: "fossil" });
    await publishPages(stage, channel, 1, 2, { delta: true });
    await stage.numbers(sub, 2);
    assert.deepEqual(stage.data(sub), range(1, 2).map(page));
    assert.equal(sub.deltaStats().numDeltaPayloads, 0);
  },

  "gets only publications with the tags it asked for, also when it comes back": async (stage) => {
    const channel = stage.channel("tags");
    const wire = await stage.wire();
    const client = await stage.connected({ wire });
    const tagsFilter = {
      op: "and",
      nodes: [
        { key: "level", cmp: "in", vals: ["warning", "error"] },
        { op: "not", nodes: [{ key: "count", cmp: "lt", val: "10" }] },
      ],
    };
    const sub = await stage.subscribed(client, channel, { tagsFilter });
    const publish = (n, level, count) =>
      stage.server.publish(channel, { n }, { tags: { level, ...(count && { count }) } });
    await publish(1, "debug", "20");
    await publish(2, "error", "20");
    await publish(3, "error", "9.5");
    await publish(4, "warning", "100");
    assert.deepEqual(await stage.numbers(sub, 2), [2, 4]);
    assert.deepEqual(sub.log.all("publication")[0].tags, { level: "error", count: "20" });
    await wire.without(async () => {
      await publish(5, "error", "30");
      await publish(6, "debug");
    });
    const [, again] = await sub.log.next("subscribed", 2);
    assert.equal(again.recovered, true);
    await publish(7, "error", "11");
    assert.deepEqual(await stage.numbers(sub, 4), [2, 4, 5, 7]);
  },

  "is refused a tags filter where there are none, and one that means nothing": async (stage) => {
    const client = await stage.connected();
    const cases = [
      ["stream", { key: "level", cmp: "eq", val: "error" }],
      ["tags", { key: "level", cmp: "in" }],
    ];
    for (const [namespace, tagsFilter] of cases) {
      const sub = stage.subscription(client, stage.channel(namespace), { tagsFilter });
      sub.subscribe();
      assert.equal((await sub.log.next("unsubscribed"))[0].code, 107);
    }
  },
};
