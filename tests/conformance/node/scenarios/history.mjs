import assert from "node:assert/strict";

import { range } from "../stage.mjs";

const filled = async (stage, count) => {
  const client = await stage.connected();
  const channel = stage.channel("stream");
  const sub = await stage.subscribed(client, channel);
  await stage.server.publishNumbers(channel, 1, count);
  return sub;
};
const offsets = (result) => result.publications.map((publication) => publication.offset);

export default {
  "pages through the history, oldest first": async (stage) => {
    const sub = await filled(stage, 25);
    let since;
    const seen = [];
    for (;;) {
      const page = await sub.history({ limit: 10, ...(since && { since }) });
      assert.equal(page.offset, 25);
      seen.push(...page.publications);
      if (page.publications.length < 10) break;
      since = { offset: page.publications.at(-1).offset, epoch: page.epoch };
    }
    assert.deepEqual(seen.map((publication) => publication.offset), range(1, 25));
    assert.deepEqual(seen.map((publication) => stage.decode(publication.data).n), range(1, 25));
  },

  "pages through the history, newest first": async (stage) => {
    const sub = await filled(stage, 25);
    const newest = await sub.history({ limit: 10, reverse: true });
    assert.deepEqual(offsets(newest), range(16, 25).reverse());
    const since = { offset: 16, epoch: newest.epoch };
    assert.deepEqual(offsets(await sub.history({ limit: 10, reverse: true, since })), range(6, 15).reverse());
  },

  "asks for the position alone, and for everything": async (stage) => {
    const sub = await filled(stage, 7);
    const top = await sub.history({ limit: 0 });
    assert.deepEqual([top.publications, top.offset], [[], 7]);
    assert.ok(top.epoch);
    assert.deepEqual(offsets(await sub.history({ limit: -1 })), range(1, 7));
  },

  "is told that a position is of another epoch": async (stage) => {
    const sub = await filled(stage, 2);
    const since = { offset: 1, epoch: "elsewhere" };
    await assert.rejects(sub.history({ limit: 1, since }), (error) => error.code === 112);
  },

  "reads the same history as the server's API": async (stage) => {
    const sub = await filled(stage, 3);
    const mine = await sub.history({ limit: 10 });
    const { publications, epoch, offset } = await stage.server.api("history", { channel: sub.channel, limit: 10 });
    assert.deepEqual([mine.epoch, mine.offset], [epoch, offset]);
    assert.deepEqual(
      mine.publications.map((publication) => stage.decode(publication.data)),
      publications.map((publication) => publication.data),
    );
  },
};
