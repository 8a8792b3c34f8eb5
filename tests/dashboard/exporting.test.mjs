import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../src/gapless/dashboard/static/core/json.js";
import { Export } from "../../src/gapless/dashboard/static/log/exporting.js";
import { toRow as toPastRow } from "../../src/gapless/dashboard/static/log/testing.js";
import { parseQuery } from "../../src/gapless/dashboard/static/log/query.js";
import { Store } from "../../src/gapless/dashboard/static/log/store.js";
import { random, toRow } from "./making.mjs";

/** What a server keeps of its channels: name → {epoch, kept: [offset, data][]}. */
class Server {
  asked = [];

  constructor(channels) {
    this.channels = channels;
  }

  async after(name, epoch, offset, limit) {
    this.asked.push([name, offset]);
    const channel = this.channels[name];
    if (channel?.epoch !== epoch) return [];
    return channel.kept.filter(([at]) => at > offset).slice(0, limit).map(([at, data]) => toPastRow(name, epoch, at, data));
  }

  get heads() {
    return Object.entries(this.channels).map(([name, { epoch, kept }]) => ({ name, epoch, oldest: kept[0]?.[0] ?? 0, head: kept.at(-1)?.[0] ?? 0 }));
  }
}

const numbered = (from, to, data = (at) => ({ message: `m${at}` })) => Array.from({ length: to - from + 1 }, (_, at) => [from + at, data(from + at)]);
const load = (store, entries, { channel = "logs", epoch = "e" } = {}) => entries.forEach(([offset, data]) => store.append(toRow(data, { channel, epoch, offset })));

async function saved(store, server, { query = "", format = "message", channels = server.heads } = {}) {
  const work = new Export({ store, past: server, channels, query: { node: parseQuery(query), caseSensitive: false }, format, now: Date.now() });
  const blob = await work.go();
  return { text: await blob.text(), work };
}

test("what is loaded comes from the page, what is not from the server, each line once and in order", async () => {
  const server = new Server({ logs: { epoch: "e", kept: numbered(1, 5_000) } });
  const store = new Store();
  load(store, [...numbered(2_001, 2_100), ...numbered(4_000, 5_000)]);
  const { text, work } = await saved(store, server);
  assert.deepEqual(text.split("\n"), numbered(1, 5_000).map(([at]) => `m${at}`));
  assert.deepEqual([work.read, work.total, work.lines, work.lost], [5_000, 5_000, 5_000, 0]);
  assert.ok(server.asked.length <= 5, `${server.asked}`);
});

test("everything that a query can say decides", async () => {
  const at = (number) => new Date(1_780_000_000_000 + number * 1_000).toISOString();
  const line = (number) => ({ time: at(number), level: ["info", "error"][number % 2], message: number % 3 ? "good" : "bad luck", logger: `app.part${number % 4}`, fields: { ms: number, deep: { er: number % 7 } } });
  const server = new Server({ logs: { epoch: "e", kept: numbered(1, 3_000, line) } });
  const store = new Store();
  load(store, [...numbered(1, 400, line), ...numbered(1_400, 2_000, line)]);
  const wanted = (fits) => numbered(1, 3_000, line).filter(([number]) => fits(number)).map(([, data]) => data);
  const cases = {
    "level>=error": (number) => number % 2 === 1,
    "-bad ms>500 ms<2700": (number) => number % 3 !== 0 && number > 500 && number < 2_700,
    "deep.er:3 logger:app.part2": (number) => number % 7 === 3 && number % 4 === 2,
    [`after:${at(700)} before:${at(2_600)} /lu.k/`]: (number) => number >= 700 && number < 2_600 && number % 3 === 0,
    "has:nothing OR ms:17": (number) => number === 17,
    "ch:other": () => false,
  };
  for (const [query, fits] of Object.entries(cases)) {
    const { text, work } = await saved(store, server, { query, format: "json" });
    assert.deepEqual(text === "" ? [] : text.split("\n").map(parse), wanted(fits), query);
    assert.equal(work.lines, wanted(fits).length);
  }
});

test("lines of several channels stand by their times", async () => {
  const dice = random(3);
  const channels = {};
  for (const name of ["a", "b", "c"]) {
    let time = 0;
    channels[name] = { epoch: name, kept: numbered(1, 1_500, () => ({ time: 1_780_000_000 + (time += dice()), message: name })) };
  }
  const server = new Server(channels);
  const store = new Store();
  load(store, channels.b.kept.slice(400, 900), { channel: "b", epoch: "b" });
  const { text } = await saved(store, server, { format: "json" });
  const found = text.split("\n").map(parse);
  assert.equal(found.length, 4_500);
  assert.ok(found.every(({ time }, index) => index === 0 || time >= found[index - 1].time));
  const { text: some } = await saved(store, server, { channels: server.heads.slice(0, 1) });
  assert.deepEqual(new Set(some.split("\n")), new Set(["a"]), "of a channel that is not asked for, nothing, although it is loaded");
});

test("what is loaded and not kept any more is there, and a hole is said in its place", async () => {
  const server = new Server({ logs: { epoch: "e", kept: numbered(50, 60) } });
  const store = new Store();
  load(store, [...numbered(1, 10), ...numbered(55, 60)]);
  const { text, work } = await saved(store, server, { format: "text" });
  const lines = text.split("\n");
  assert.equal(work.lost, 39);
  assert.equal(lines[10], "# logs: 39 lines lost: older than the server keeps");
  assert.equal(lines.length, 10 + 1 + 11);
  const heads = [{ name: "logs", epoch: "e", oldest: 30, head: 60 }]; // as the page heard some time ago
  const { work: fresh } = await saved(new Store(), server, { channels: heads });
  assert.deepEqual([fresh.lost, fresh.lines], [0, 11], "in front of all that there is it is no hole");
});

test("an earlier life of a channel, and one that keeps nothing, are there as far as they are loaded", async () => {
  const server = new Server({ logs: { epoch: "new", kept: numbered(1, 5) } });
  const store = new Store();
  load(store, numbered(7, 8, (at) => ({ message: `old${at}` })), { epoch: "old" });
  load(store, numbered(4, 5), { epoch: "new" });
  for (const message of ["x", "y"]) store.append(toRow({ message }, { channel: "unkept", epoch: "" }));
  const { text, work } = await saved(store, server, { channels: [...server.heads, { name: "unkept", epoch: "", oldest: 0, head: 0 }] });
  assert.deepEqual(text.split("\n").toSorted(), ["m1", "m2", "m3", "m4", "m5", "old7", "old8", "x", "y"]);
  assert.deepEqual([work.read, work.total], [9, 9]);
});

test("rows that leave the page meanwhile come from the server", async () => {
  const server = new Server({ logs: { epoch: "e", kept: numbered(1, 20_000) } });
  const store = new Store();
  load(store, numbered(1, 20_000));
  const work = new Export({ store, past: server, channels: server.heads, query: { node: parseQuery(""), caseSensitive: false }, format: "message", now: 0 });
  work.onChange = () => {};
  store.maxRows = 5_000;
  store.trim();
  assert.ok(store.size < 10_000);
  const text = await (await work.go()).text();
  assert.deepEqual(text.split("\n"), numbered(1, 20_000).map(([at]) => `m${at}`));
});

test("every form has its beginning and its end, and what is stopped gives nothing", async () => {
  const server = new Server({ logs: { epoch: "e", kept: numbered(1, 2, (at) => ({ message: `=${at}` })) } });
  const { text: csv } = await saved(new Store(), server, { format: "csv" });
  assert.equal(csv, 'time,level,channel,logger,source,message,data\r\n"","none","logs","","","\'=1","{""message"":""=1""}"\r\n"","none","logs","","","\'=2","{""message"":""=2""}"');
  const { text: markdown } = await saved(new Store(), server, { format: "markdown" });
  assert.match(markdown, /^```\n.*=1\n.*=2\n```$/);
  const work = new Export({ store: new Store(), past: server, channels: server.heads, query: { node: parseQuery(""), caseSensitive: false }, format: "message", now: 0 });
  work.stop();
  assert.equal(await work.go(), null);
});
