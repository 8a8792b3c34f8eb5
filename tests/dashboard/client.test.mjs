// `client.js` where there is no page: what it asks a WebSocket for, and what it makes of what comes.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { afterEach, beforeEach, mock, test } from "node:test";

import { connect } from "../../src/gapless/dashboard/static/client.js";

/** Obeys the test. */
class FakeSocket {
  static made = [];
  sent = [];
  closed = false;

  constructor(url, protocols) {
    Object.assign(this, { url: new URL(url), protocols });
    FakeSocket.made.push(this);
  }

  send(text) {
    this.sent.push(text);
  }

  close() {
    this.closed = true;
  }

  /** It opens, and the first channel is answered. */
  open(frame = {}) {
    this.onopen();
    const channel = this.url.searchParams.get("channel");
    this.say({ channel, epoch: "e", oldest: 1, head: 0, history: [], more: false, ...frame });
  }

  say(frame) {
    this.onmessage({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }

  end(code, reason = "") {
    this.onclose({ code, reason });
  }

  get commands() {
    return this.sent.filter((text) => text !== "ping").map((text) => JSON.parse(text));
  }
}

let hub;
let warned;

beforeEach(() => {
  FakeSocket.made = [];
  warned = mock.method(console, "warn", () => {});
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});

afterEach(() => {
  hub?.close();
  mock.restoreAll();
  mock.timers.reset();
});

const turns = async () => {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
};

/** The clock stands still meanwhile. */
const until = async (test) => {
  while (!test()) await new Promise((done) => setImmediate(done));
};

/** A client's first connection, which has been opened. */
async function opened(options = {}, subscription = {}, got = () => {}) {
  hub = connect("http://hub.test/live", { WebSocket: FakeSocket, ...options });
  hub.subscribe("c", got, subscription);
  await until(() => FakeSocket.made.length > 0);
  FakeSocket.made[0].open();
  return FakeSocket.made[0];
}

async function next(milliseconds = 60_000) {
  mock.timers.tick(milliseconds);
  await turns();
  return FakeSocket.made.at(-1);
}

test("a gap is a warning where nobody wants to know, and nothing where somebody wants it so", async () => {
  const socket = await opened();
  socket.say({ channel: "c", gap: { from: 4, to: 9, reason: "trimmed", epoch: "e" } });
  socket.say({ channel: "c", gap: { from: null, to: null, reason: "unnumbered", epoch: "e", count: 3 } });
  const said = warned.mock.calls.map(({ arguments: [text] }) => text);
  assert.match(said[0], /^gapless: c has a gap, offsets 4 to 9 \(trimmed\); .*onGap/);
  assert.match(said[1], /3 publications \(unnumbered\)/);
  hub.close();
  for (const onGap of [null, () => {}]) {
    FakeSocket.made = [];
    (await opened({}, { onGap })).say({ channel: "c", gap: { from: 4, to: 9, reason: "trimmed", epoch: "e" } });
    assert.equal(warned.mock.callCount(), 2);
    hub.close();
  }
});

test("a token travels as a subprotocol, and is asked for at each attempt", async () => {
  const tokens = ["a.b-c_d", "second"];
  await opened({ token: async () => tokens.shift(), query: { tenant: "7" } });
  assert.deepEqual(FakeSocket.made[0].protocols, ["gapless.bearer", "a.b-c_d"]);
  assert.equal(FakeSocket.made[0].url.searchParams.get("tenant"), "7");
  FakeSocket.made[0].end(1012);
  const again = await next();
  assert.deepEqual(again.protocols, ["gapless.bearer", "second"]);
  assert.equal(again.url.searchParams.get("token"), null);
});

test("a token that cannot be the name of a subprotocol travels in the address", async () => {
  const socket = await opened({ token: "a/b=" });
  assert.deepEqual(socket.protocols, []);
  assert.equal(socket.url.searchParams.get("token"), "a/b=");
});

test("without a token nothing of it is said", async () => {
  const socket = await opened();
  assert.deepEqual(socket.protocols, []);
  assert.equal(socket.url.href, "ws://hub.test/live/ws?batch=1&channel=c");
});

test("a token that cannot be had is tried for again", async () => {
  const states = [];
  hub = connect("http://hub.test/", {
    WebSocket: FakeSocket,
    onState: (state) => states.push([state.name, state.reason]),
    token: () => Promise.reject(new Error("signed out")),
  });
  hub.subscribe("c", () => {});
  await turns();
  assert.deepEqual(states.at(-1), ["waiting", "signed out"]);
  assert.equal(FakeSocket.made.length, 0);
});

test("a client that was closed while it waited for a token opens nothing", async () => {
  let give;
  hub = connect("http://hub.test/", { WebSocket: FakeSocket, token: () => new Promise((done) => (give = done)) });
  hub.subscribe("c", () => {});
  await turns();
  hub.close();
  give("late");
  await turns();
  assert.ok(FakeSocket.made.every((socket) => socket.closed));
  assert.equal(hub.state.name, "closed");
});

test("presence and history are asked for, and are promises of the answers", async () => {
  const socket = await opened();
  const who = hub.presence("c");
  const past = hub.history("c", { since: { epoch: "e", offset: 7 }, limit: 2, reverse: true });
  const refused = hub.history("c");
  const [first, second, third] = socket.commands;
  assert.deepEqual(first, { type: "presence", channel: "c", id: first.id });
  assert.deepEqual(second, { type: "history", channel: "c", since: "e:7", limit: 2, reverse: true, id: second.id });
  const publications = [{ offset: 6, data: 1 }];
  socket.say({ type: "history", channel: "c", id: second.id, epoch: "e", oldest: 1, head: 9, publications });
  socket.say({ type: "presence", channel: "c", id: first.id, presence: { x: { user: "ann", client: "x" } } });
  socket.say({ type: "error", channel: "c", id: third.id, code: 111, message: "slow down" });
  assert.deepEqual(await who, { x: { user: "ann", client: "x" } });
  assert.deepEqual(await past, { publications, epoch: "e", oldest: 1, head: 9 });
  await assert.rejects(refused, { message: "slow down", code: 111 });
});

test("joins and leaves come where somebody listens to them", async () => {
  const heard = [];
  const socket = await opened({}, { onJoin: (who) => heard.push(["+", who]), onLeave: (who) => heard.push(["-", who]) });
  assert.equal(socket.url.searchParams.get("joins"), "1");
  const ann = { user: "ann", client: "x" };
  socket.say({ channel: "c", join: ann });
  socket.say({ channel: "c", leave: ann });
  assert.deepEqual(heard, [["+", ann], ["-", ann]]);
  hub.subscribe("d", () => {}, { onJoin: () => {} });
  hub.subscribe("e", () => {});
  assert.deepEqual(socket.commands.map(({ channel, joins }) => [channel, joins]), [["d", true], ["e", undefined]]);
});

test("a message that is too large is said, is refused, and the client comes back", async () => {
  const socket = await opened();
  const publishing = hub.publish("c", "x");
  socket.end(1009);
  await assert.rejects(publishing, /larger than this server takes/);
  assert.match(warned.mock.calls[0].arguments[0], /larger than this server takes/);
  assert.equal(hub.state.name, "waiting");
  (await next()).open();
  assert.equal(hub.state.name, "connected");
});

test("an error in a callback is shown, and ends neither the client nor the process", async () => {
  const shown = mock.method(console, "error", () => {});
  const got = [];
  const socket = await opened({}, {}, (publication) => {
    got.push(publication.data);
    throw new Error("a bug");
  });
  socket.say({ channel: "c", batch: [{ offset: 1, data: "a" }, { offset: 2, data: "b" }] });
  assert.deepEqual(got, ["a", "b"]);
  assert.match(shown.mock.calls[0].arguments[0].message, /a bug/);
});

const LARGE = '{"channel":"c","offset":1,"data":{"id":12345678901234567890,"n":[-9007199254740993,9007199254740991,1.5,0.12345678901234567890],"text":"12345678901234567890 \\"1234567890123456\\""}}';

test("whole numbers are exact where that is asked for", async () => {
  for (const [integers, large, negative] of [
    [undefined, 12345678901234567000, -9007199254740992],
    ["bigint", 12345678901234567890n, -9007199254740993n],
    ["string", "12345678901234567890", "-9007199254740993"],
  ]) {
    FakeSocket.made = [];
    const got = [];
    const socket = await opened({ integers }, {}, ({ data }) => got.push(data));
    socket.say(LARGE);
    const text = '12345678901234567890 "1234567890123456"';
    assert.deepEqual(got, [{ id: large, n: [negative, 9007199254740991, 1.5, 0.12345678901234568], text }]);
    hub.close();
  }
});

test("a BigInt is published as a number", async () => {
  const socket = await opened({ integers: "bigint" });
  const publishing = hub.publish("c", { id: 12345678901234567890n, text: "1" });
  assert.match(socket.sent[0], /"data":\{"id":12345678901234567890,"text":"1"\}/);
  socket.say({ type: "published", channel: "c", id: 1, epoch: "e", offset: 1 });
  assert.deepEqual(await publishing, { epoch: "e", offset: 1 });
});

test("what integers become is one of two", async () => {
  hub = connect("http://hub.test/", { WebSocket: FakeSocket, integers: "number" });
  hub.subscribe("c", () => {});
  await until(() => hub.state.name === "waiting");
  assert.match(hub.state.reason, /"bigint" or "string"/);
});

// -- where no WebSocket comes through

/** A hub that speaks events only. */
async function listening() {
  const server = createServer(async (request, response) => {
    server.asked.push(request);
    if (request.method === "GET") {
      response.writeHead(server.status, { "content-type": "text/event-stream" });
      server.down = response;
      response.write(server.status === 200 ? ":\n\n" : "no");
      if (server.status !== 200) response.end();
    } else {
      let body = "";
      for await (const piece of request) body += piece;
      server.posted.push(JSON.parse(body));
      response.writeHead(server.answer).end();
    }
    server.changed();
  });
  Object.assign(server, { asked: [], posted: [], status: 200, answer: 204, changed: () => {} });
  server.until = async (test) => {
    while (!test()) await new Promise((done) => (server.changed = done));
  };
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

async function over(server, options = {}) {
  const states = [];
  let changed = () => {};
  const onState = (state) => {
    states.push(state.name);
    changed();
  };
  hub = connect(`http://127.0.0.1:${server.address().port}/live`, { WebSocket: null, onState, ...options });
  const got = [];
  hub.subscribe("c", ({ data }) => got.push(data) && changed());
  const until = async (test) => {
    while (!test()) await new Promise((done) => (changed = done));
  };
  return { states, got, until };
}

const SESSION = 'event: session\ndata: {"session":"s","node":"n"}\n\n';
const HISTORY = 'data: {"channel":"c","epoch":"e","oldest":1,"head":0,"history":[],"more":false}\n\n';

test("frames come as events, in whatever pieces, and commands are posted in order", async () => {
  mock.timers.reset();
  const server = await listening();
  try {
    const { got, until } = await over(server, { token: "abc" });
    await server.until(() => server.down);
    const [{ url, headers }] = server.asked;
    assert.equal(url, "/live/sse?batch=1&channel=c&commands=1");
    assert.equal(headers.authorization, "Bearer abc");
    server.down.write(SESSION + HISTORY);
    const live = Buffer.from('data: {"channel":"c","offset":1,"data":"é😀"}\n\n:\n\n');
    for (const byte of live) server.down.write(Buffer.from([byte]));
    await until(() => got.length === 1);
    assert.deepEqual(got, ["é😀"]);
    const publishing = [1, 2, 3].map((number) => hub.publish("c", number));
    await server.until(() => server.posted.length === 3);
    assert.deepEqual(
      server.posted.map(({ session, node, data }) => [session, node, JSON.parse(data).data]),
      [1, 2, 3].map((number) => ["s", "n", number]),
    );
    assert.equal(server.asked[1].url, "/live/emulation");
    assert.equal(server.asked[1].headers.authorization, "Bearer abc");
    for (const id of [1, 2, 3]) server.down.write(`data: {"type":"published","channel":"c","id":${id}}\n\n`);
    await Promise.all(publishing);
  } finally {
    hub.close();
    server.close();
    server.closeAllConnections();
  }
});

test("the end says whether to come back", async () => {
  mock.timers.reset();
  const server = await listening();
  try {
    const { states, until } = await over(server);
    await server.until(() => server.down);
    server.down.write(SESSION + HISTORY);
    await until(() => states.includes("connected"));
    server.down.end('event: close\ndata: {"code":3503,"reason":"enough"}\n\n');
    await until(() => states.includes("closed"));
    assert.deepEqual([hub.state.code, hub.state.reason], [3503, "enough"]);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("a stream that is refused or breaks, and a post that is not taken, are lost connections", async () => {
  mock.timers.reset();
  const server = await listening();
  try {
    server.status = 403;
    const { states, until } = await over(server);
    await until(() => states.includes("waiting"));
    assert.match(hub.state.reason, /^403 no$/);
    server.status = 200;
    await until(() => states.at(-1) === "connecting");
    await server.until(() => server.asked.length === 2);
    server.down.write(SESSION + HISTORY);
    await until(() => states.includes("connected"));
    server.answer = 500;
    await assert.rejects(hub.publish("c", 1), /may or may not/);
    assert.equal(hub.state.name, "waiting");
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

/** A WebSocket that a proxy swallows. */
class Refused {
  constructor() {
    Refused.tried = (Refused.tried ?? 0) + 1;
    queueMicrotask(() => queueMicrotask(() => this.onclose?.({ code: 1006, reason: "" })));
  }

  close() {}
}

test("where a WebSocket does not open the stream is tried in the same attempt, and first from then on", async () => {
  mock.timers.reset();
  const server = await listening();
  try {
    const { states, until } = await over(server, { WebSocket: Refused });
    await server.until(() => server.down);
    server.down.write(SESSION + HISTORY);
    await until(() => states.includes("connected"));
    assert.deepEqual(states, ["connecting", "connected"]);
    assert.equal(Refused.tried, 1);
    server.down.end();
    await server.until(() => server.asked.length === 2);
    assert.equal(Refused.tried, 1);
    assert.deepEqual(states, ["connecting", "connected", "waiting", "connecting"]);
  } finally {
    hub.close();
    server.close();
    server.closeAllConnections();
  }
});

test("where WebSockets have worked it takes more than a restart to try another way", async () => {
  const socket = await opened();
  const fetched = mock.method(globalThis, "fetch", () => Promise.reject(new Error("nobody there")));
  socket.end(1006);
  for (let attempt = 0; attempt < 3; attempt += 1) (await next()).end(1006);
  assert.equal(fetched.mock.callCount(), 0);
  (await next()).end(1006);
  mock.timers.reset();
  while (fetched.mock.callCount() === 0) await new Promise((done) => setImmediate(done));
  assert.match(String(fetched.mock.calls[0].arguments[0]), /\/live\/sse\?.*commands=1/);
});
