/**
 * A small client of the plain protocol: every publication once, in order, resumed after every reconnect.
 *
 *     import { connect } from "/live/client.js";
 *     const hub = connect("/live");
 *     const orders = hub.subscribe("orders:7", (publication) => console.log(publication.data));
 *
 * What cannot be recovered is said to `onGap`, in its place. Works in pages, workers, Node and Deno, without a secure
 * context; where no WebSocket comes through, by an event stream and `POST`. What is rarely needed is in `client/`.
 *
 * publication  {channel, offset, epoch, data, tags, info, history, recovered}: `offset` is null where none
 *              is kept; `recovered`: it was missed while the connection was away
 * gap          {channel, from, to, count, reason, epoch, recovered}: the protocol's; `recovered` is false when
 *              a resume failed. Three reasons are found here: `missing`, a hole that nobody announced,
 *              `disconnected`, away from a channel that keeps no history, and `skipped`, see `atMost`
 * state        {name, attempt, delay, code, reason}: `idle`, `connecting`, `connected`, `waiting` for `delay`
 *              milliseconds before the next attempt, or `closed`: the server said to stay away
 */

const STABLE_MS = 5_000; // a connection that lived this long starts the back-off anew
const TOO_LARGE = "a message was larger than this server takes";
const staysAway = (code) => (code >= 3500 && code <= 3999) || (code >= 4500 && code <= 4999);
const isTemporary = (code) => code === 100 || code === 111 || (code >= 2500 && code <= 2999);
// Between half and all of it, so that a thousand pages do not come back in one moment.
const jittered = (milliseconds) => milliseconds * (0.5 + Math.random() / 2);
const backOff = (attempt) => jittered(attempt === 1 ? 250 : Math.min(30_000, 500 * 2 ** (attempt - 1)));

/**
 * Nothing is opened before the first subscription. `base` is where the hub is mounted, by default the
 * directory of this module. Options:
 *
 * token        the credential: text, or a function that gives it, or a promise of it, for each attempt
 * query        more parameters of the address, by name
 * onState      is told each state
 * integers     "bigint" or "string": what whole numbers become that a number would round
 * parse        reads a frame, instead of `JSON.parse`
 * batch, pace  the protocol's; by default publications that come together come in one frame
 * pingEvery, pongWithin   milliseconds between pings, and for their answers
 * WebSocket    the class to use; null: none, but event streams
 */
export function connect(base = new URL(".", import.meta.url), options = {}) {
  return new Hub(base, options);
}

class Hub {
  state = { name: "idle" };
  #base;
  #options;
  #subscriptions = new Map();
  #asked = new Map(); // command id → how to settle its promise
  #socket = null;
  #timer = 0; // for what is waited for: open, pong, next ping, next attempt
  #lastId = 0;
  #attempt = 0;
  #openedAt = 0;
  #pinged = false; // and nothing was heard since
  #ways; // how a connection may be made: as the last one was, first
  #way = 0; // the one that is tried
  #vain = Infinity; // attempts since a connection was made
  #listening = new AbortController();

  constructor(base, options) {
    const { document, location, WebSocket } = globalThis;
    const { parse, stringify } = JSON;
    this.#options = { batch: true, pingEvery: 25_000, pongWithin: 10_000, WebSocket, parse, stringify, ...options };
    this.#base = new URL(String(base).replace(/\/*$/, "/"), document?.baseURI ?? location?.href);
    if (!/^http/.test(this.#base.protocol)) throw new Error("connect(url): say where the hub is mounted, as http(s)://…");
    this.#ways = this.#options.WebSocket ? [this.#webSocket, this.#stream] : [this.#stream];
    this.onstate = options.onState ?? null;
    const listening = { signal: this.#listening.signal };
    for (const type of ["online", "pageshow", "visibilitychange"])
      globalThis.addEventListener?.(type, () => this.#wake(), listening);
  }

  /**
   * Get a channel's history, then what is published. Options: `history`, so many of the newest (default: all);
   * `since`, what follows this position instead; `atMost`, `{missed, newest}`: when more than `missed` would have
   * to be resumed, only so many of the `newest` are, behind a gap that says what was skipped; `onGap(gap)`, instead
   * of a warning in the console; `onHistory({epoch, oldest, head, count, recovered})`, it is complete;
   * `onError({code, message})`, refused or ended by the server, and over; `onJoin(member)` and `onLeave(member)`.
   */
  subscribe(channel, onPublication, options = {}) {
    if (this.#subscriptions.has(channel)) throw new Error(`already subscribed to ${channel}: unsubscribe first`);
    const subscription = new Subscription(channel, onPublication, options, () => this.#leave(subscription));
    this.#subscriptions.set(channel, subscription);
    if (this.state.name === "connected") this.#join(subscription);
    if (this.state.name === "idle") queueMicrotask(() => this.state.name === "idle" && this.#open());
    return subscription;
  }

  /**
   * Publish, where the server allows it; a promise of the position. It is rejected, too, when the connection
   * is lost before the answer: then it may have been published or not, and it is not sent again.
   */
  async publish(channel, data) {
    const { epoch, offset } = await this.#ask({ type: "publish", channel, data });
    return { epoch, offset };
  }

  /** A promise of who is in a channel: {user, client, conn_info, chan_info} by client id. */
  async presence(channel) {
    return (await this.#ask({ type: "presence", channel })).presence;
  }

  /**
   * A promise of a page of what a channel keeps, {publications, epoch, oldest, head}, oldest first. Options: `limit`,
   * `since`, a position that they follow, and `reverse`: newest first, and before that position.
   */
  async history(channel, { since = undefined, ...options } = {}) {
    const asked = { type: "history", channel, since: since && written(since), ...options };
    const { publications, epoch, oldest, head } = await this.#ask(asked);
    return { publications, epoch, oldest, head };
  }

  /** Try again now, also after `closed`. */
  reconnect() {
    if (!this.#socket) this.#open();
  }

  /** End everything: nothing is delivered any more. */
  close() {
    this.#listening.abort();
    for (const subscription of this.#subscriptions.values()) this.#leave(subscription);
    this.#detach("closed by this page");
    this.#become({ name: "closed", code: 1000, reason: "closed by this page" });
  }

  async #open() {
    // One channel travels in the query: without any, the server would choose channels by itself.
    const [first] = this.#subscriptions.values();
    if (!first) return this.#become({ name: "idle" });
    const opening = (this.#socket = { close() {} });
    this.#wait(10_000, () => this.#onLost(1006, "it did not open"));
    if (this.#way === 0) this.#become({ name: "connecting", attempt: this.#attempt });
    try {
      const { token, integers } = this.#options;
      const credential = typeof token === "function" ? await token() : token;
      if (integers) Object.assign(this.#options, (await import("./client/exact.js")).exactly(integers));
      const socket = await this.#ways[this.#way].call(this, this.#query(first), credential);
      if (this.#socket === opening) this.#use(socket, first);
      else socket.close();
    } catch (error) {
      if (this.#socket === opening) this.#onLost(1006, error.message);
    }
  }

  #use(socket, first) {
    this.#socket = socket;
    socket.onopen = () => this.#onOpen(first);
    socket.onmessage = (message) => this.#onFrame(this.#options.parse(message.data));
    socket.onclose = (event) => this.#onLost(event.code, event.reason);
  }

  #query(first) {
    const { channel, since, history, joins } = first.ask(undefined);
    const { batch, pace, query } = this.#options;
    const flags = { batch: batch ? 1 : undefined, joins: joins ? 1 : undefined };
    const all = { ...query, ...flags, pace, channel, history, since: since && `${channel}@${since}` };
    return new URLSearchParams(Object.entries(all).filter(([, value]) => value !== undefined));
  }

  #webSocket(query, token) {
    const url = new URL("ws", this.#base);
    url.protocol = url.protocol.replace(/^http/, "ws");
    const spoken = /^[\w.~!#$%&'*+^`|-]*$/.test(token ?? ""); // as the name of a subprotocol
    if (token && !spoken) query.set("token", token);
    url.search = query;
    return new this.#options.WebSocket(url, token && spoken ? ["gapless.bearer", token] : []);
  }

  async #stream(query, token) {
    query.set("commands", 1);
    const { Stream } = await import("./client/stream.js");
    return new Stream(new URL(`sse?${query}`, this.#base), new URL("emulation", this.#base), token);
  }

  #onOpen(first) {
    const others = [...this.#subscriptions.values()].filter((subscription) => subscription !== first);
    this.#openedAt = Date.now();
    if (this.#way > 0) this.#ways.reverse();
    this.#way = this.#vain = 0;
    this.#rest();
    this.#become({ name: "connected" });
    if (first.over) this.#send({ type: "unsubscribe", channel: first.channel });
    for (const subscription of others) this.#join(subscription);
  }

  #onLost(code, reason) {
    if (code === 1009) console.warn(`gapless: ${TOO_LARGE}`);
    this.#detach(code === 1009 ? TOO_LARGE : "the connection was lost: this may or may not have been published");
    const stable = this.#openedAt && Date.now() - this.#openedAt > STABLE_MS;
    // The other way belongs to the same attempt, but not when a server that was there is only restarted.
    const other = this.#openedAt || this.#vain < 4 ? undefined : this.#ways[this.#way + 1];
    this.#way = other ? this.#way + 1 : 0;
    if (other) return this.#open();
    this.#vain += 1;
    this.#openedAt = 0;
    if (staysAway(code)) return this.#become({ name: "closed", code, reason });
    this.#attempt = stable ? 1 : this.#attempt + 1;
    const delay = code === 3013 ? jittered(20_000) : backOff(this.#attempt); // too many requests
    this.#wait(delay, () => this.#open());
    this.#become({ name: "waiting", attempt: this.#attempt, delay, code, reason });
  }

  /** Handlers first: what the old socket still says belongs to nobody. */
  #detach(reason) {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (socket) Object.assign(socket, { onopen: null, onmessage: null, onclose: null }).close();
    for (const { reject } of this.#asked.values()) reject(new Error(reason));
    this.#asked.clear();
  }

  #become(state) {
    this.state = state;
    tell(this.onstate, state);
  }

  #rest() {
    this.#pinged = false;
    this.#wait(this.#options.pingEvery, () => this.#ping(this.#options.pongWithin));
  }

  #ping(patience) {
    this.#pinged = true;
    this.#socket.send("ping");
    const asked = Date.now();
    this.#wait(patience, () => {
      // Far too late: the page was asleep, and what came meanwhile has yet to be read.
      if (Date.now() - asked > patience + 5_000) this.#ping(patience);
      else this.#onLost(1006, "no answer to a ping");
    });
  }

  #wait(milliseconds, then) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, milliseconds);
  }

  /** Online, visible or thawed: the timers may have slept, and an open socket may be dead. */
  #wake() {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.state.name === "waiting") this.#open();
    else if (this.state.name === "connected" && !this.#pinged) this.#ping(this.#options.pongWithin / 3);
  }

  #onFrame(frame) {
    if (this.#pinged) this.#rest();
    const subscription = this.#subscriptions.get(frame.channel);
    const asked = this.#asked.get(frame.id);
    this.#asked.delete(frame.id);
    if (asked && frame.type !== "error") asked.resolve(frame);
    else if (asked) asked.reject(Object.assign(new Error(frame.message), { code: frame.code }));
    else if (frame.type === undefined && subscription?.isTooMuch(frame)) this.#rejoin(subscription);
    else if (frame.type === undefined) subscription?.receive(frame);
    else if (frame.type !== "pong" && subscription?.isEndedBy(frame)) this.#onEnded(subscription, frame);
    else if (frame.type === "error") console.warn("gapless:", frame.message, frame);
  }

  /** Refused, or ended by the server: for the moment or for good. */
  #onEnded(subscription, { code, message, reason }) {
    const socket = this.#socket;
    const again = () => socket === this.#socket && this.#join(subscription);
    if (isTemporary(code)) return setTimeout(again, jittered(1_000 * 2 ** Math.min(subscription.refusals++, 6)));
    subscription.over = this.#subscriptions.delete(subscription.channel);
    tell(subscription.options.onError, { code, message: message ?? reason });
  }

  /** Take only the newest of what was missed. */
  #rejoin(subscription) {
    subscription.skip();
    this.#send({ type: "unsubscribe", channel: subscription.channel });
    this.#join(subscription);
  }

  #join(subscription) {
    if (!subscription.over) this.#send({ type: "subscribe", ...subscription.ask(this.#lastId + 1) });
  }

  #leave(subscription) {
    if (subscription.over) return;
    subscription.over = this.#subscriptions.delete(subscription.channel);
    if (this.state.name === "connected") this.#send({ type: "unsubscribe", channel: subscription.channel });
  }

  #ask(command) {
    if (this.state.name !== "connected") return Promise.reject(new Error(`not connected: ${this.state.name}`));
    return new Promise((resolve, reject) => this.#asked.set(this.#send(command), { resolve, reject }));
  }

  #send(command) {
    const id = ++this.#lastId;
    this.#socket?.send(this.#options.stringify({ ...command, id }));
    return id;
  }
}

/** One channel: how far it has been delivered, and so what may come next. */
class Subscription {
  channel; deliver; unsubscribe; joins; options; id; // of the command that asked for it
  joining = false; // asked for, and not answered yet
  over = false;
  refusals = 0;
  #joined = null; // what the newest answer said
  #skipped = null; // position from which on no more was wanted than the newest

  constructor(channel, deliver, options, unsubscribe) {
    const { onGap = warn, onJoin, onLeave, since } = options;
    Object.assign(this, { channel, deliver, unsubscribe, joins: onJoin || onLeave ? true : undefined, options: { ...options, onGap } });
    const [, epoch, offset] = /^(.*):(\d+)$/.exec(since) ?? [];
    this.position = offset ? { epoch, offset: Number(offset) } : (since ?? null);
  }

  /** What to ask for, in the words of the command. `id` is the command's, if it is one. */
  ask(id) {
    Object.assign(this, { id, joining: true });
    const { channel, position, options, joins } = this;
    if (this.#skipped) return { channel, joins, history: options.atMost.newest };
    if (position) return { channel, joins, since: written(position) };
    return { channel, joins, history: options.history };
  }

  /** Is it this subscription that was refused or ended, and not an earlier one to the same channel? */
  isEndedBy({ type, id }) {
    return type === "error" ? this.joining && id === this.id : type === "unsubscribed" && id === undefined;
  }

  /** Is this the answer to a resume, of more than was to be resumed? */
  isTooMuch({ id, history, epoch, head }) {
    const { atMost } = this.options;
    if (!atMost || !history || !this.joining || id !== this.id || this.#skipped) return false;
    return Boolean(this.position) && epoch === this.position.epoch && head - this.position.offset > atMost.missed;
  }

  skip() {
    this.#skipped = this.position;
  }

  receive(frame) {
    if (this.joining && (!frame.history || frame.id !== this.id)) return; // of an earlier subscription
    if (this.joining) this.#onAnswer(frame);
    if (frame.history) this.#onHistory(frame);
    else if (frame.gap) this.#onGap(frame.gap);
    else if (frame.join) tell(this.options.onJoin, frame.join);
    else if (frame.leave) tell(this.options.onLeave, frame.leave);
    else for (const entry of frame.batch ?? [frame]) this.#accept(entry, false);
  }

  #onAnswer({ channel, epoch, oldest, recovered = null, lost, history }) {
    const skipped = this.#skipped;
    this.#skipped = null;
    const renewed = epoch !== this.position?.epoch;
    const gap = { channel, from: null, to: null, reason: "disconnected", epoch };
    if (recovered === false) {
      this.position = epoch ? { epoch, offset: (renewed ? null : lost?.to) ?? Math.max(oldest - 1, 0) } : null;
      tell(this.options.onGap, { ...gap, ...lost, reason: renewed ? "epoch" : "trimmed", recovered });
    } else if (skipped && renewed) {
      this.position = null;
      tell(this.options.onGap, { ...gap, from: skipped.offset + 1, reason: "epoch", recovered: false });
    } else if (skipped) this.#onSkipped({ ...gap, from: skipped.offset + 1 }, oldest, history[0]?.offset ?? skipped.offset + 1);
    else if (this.#joined && !epoch) tell(this.options.onGap, gap);
    this.#joined = { channel, epoch, count: 0, recovered };
    Object.assign(this, { joining: false, refusals: 0 });
  }

  /** Some of what was skipped the server may not keep any more. */
  #onSkipped(gap, oldest, first) {
    const kept = Math.max(gap.from, oldest);
    if (kept > gap.from) tell(this.options.onGap, { ...gap, to: kept - 1, reason: "trimmed", recovered: false });
    if (first > kept) tell(this.options.onGap, { ...gap, from: kept, to: first - 1, reason: "skipped" });
    this.position = { epoch: gap.epoch, offset: first - 1 };
  }

  #onHistory({ epoch, oldest, head, history, more }) {
    for (const entry of history) this.#accept(entry, true);
    if (more) return;
    if (epoch) this.position = { epoch, offset: Math.max(head, this.position?.offset ?? 0) };
    tell(this.options.onHistory, { ...this.#joined, oldest, head });
  }

  #onGap(gap) {
    const { channel, epoch } = this.#joined;
    if (gap.epoch !== epoch) this.position = { epoch: gap.epoch, offset: 0 };
    else if (gap.to !== null) this.position = { epoch, offset: Math.max(this.position?.offset ?? 0, gap.to) };
    this.#joined.epoch = gap.epoch;
    tell(this.options.onGap, { channel, ...gap });
  }

  #accept({ offset = null, data, tags, info }, history) {
    const { channel, epoch, recovered } = this.#joined;
    const next = (this.position?.offset ?? 0) + 1;
    if (this.over || (offset !== null && offset < next)) return;
    if (this.position && offset > next)
      tell(this.options.onGap, { channel, from: next, to: offset - 1, reason: "missing", epoch });
    if (offset !== null) this.position = { epoch, offset };
    if (history) this.#joined.count += 1;
    tell(this.deliver, { channel, offset, epoch, data, tags, info, history, recovered: history && !!recovered });
  }
}

const written = (position) => (typeof position === "string" ? position : `${position.epoch}:${position.offset}`);

/** Unless somebody wants to know by himself. */
function warn({ channel, from, to, count, reason }) {
  const what = from === null ? `${count ?? "an unknown number of"} publications` : `offsets ${from} to ${to ?? "?"}`;
  console.warn(`gapless: ${channel} has a gap, ${what} (${reason}); subscribe with onGap to handle it`);
}

/** An error in a page's own callback is reported, and stops nothing here. */
function tell(callback, value) {
  try {
    callback?.(value);
  } catch (error) {
    // Outside of browsers what is reported ends the process.
    if (globalThis.document ?? globalThis.WorkerGlobalScope) reportError(error);
    else console.error(error);
  }
}
