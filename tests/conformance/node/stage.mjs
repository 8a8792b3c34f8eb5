/** What one scenario plays with: clients, channels, the server, and a wire that can be cut. */

import { EventLog, eventually } from "./event_log.mjs";
import { Recorder } from "./recorder.mjs";

const CLIENT_EVENTS = [
  "connecting",
  "connected",
  "disconnected",
  "error",
  "message",
  "subscribed",
  "subscribing",
  "unsubscribed",
  "publication",
  "join",
  "leave",
];
const SUBSCRIPTION_EVENTS = ["subscribing", "subscribed", "unsubscribed", "publication", "join", "leave", "error"];

let channels = 0;
const run = Math.random().toString(36).slice(2, 8);

/** A name that no other scenario has, in this run or another. */
export const unique = () => `${run}-${++channels}`;

export class Stage {
  #clients = [];

  constructor(server, transport) {
    this.server = server;
    this.transport = transport;
    this.recorder = new Recorder();
  }

  encode(value) {
    return this.transport.codec.encode(value);
  }

  decode(data) {
    return this.transport.codec.decode(data);
  }

  /** A new channel in a namespace of `server.py`. */
  channel(namespace) {
    return `${namespace}:${unique()}`;
  }

  token(user, claims = {}, options = {}) {
    return this.server.token({ sub: user, ...claims }, options);
  }

  /** A client that does not connect yet; `client.log` has its events. */
  client({ wire, ...options } = {}) {
    const origin = `${this.server.host}:${wire ? wire.port : this.server.port}`;
    const client = new this.transport.Client(this.transport.endpoint(origin), {
      websocket: this.recorder.websocket,
      fetch: this.recorder.fetch,
      eventsource: this.recorder.eventsource,
      emulationEndpoint: `http://${origin}/emulation`,
      timeout: 10_000,
      minReconnectDelay: 20,
      maxReconnectDelay: 200,
      ...options,
    });
    client.log = new EventLog(client, CLIENT_EVENTS);
    this.#clients.push(client);
    return client;
  }

  /** A client that is connected. */
  async connected(options) {
    const client = this.client(options);
    client.connect();
    await client.log.next("connected");
    return client;
  }

  /** A subscription that does not subscribe yet; `sub.log` has its events. */
  subscription(client, channel, options = {}) {
    const sub = client.newSubscription(channel, {
      minResubscribeDelay: 20,
      maxResubscribeDelay: 200,
      ...options,
    });
    sub.log = new EventLog(sub, SUBSCRIPTION_EVENTS);
    return sub;
  }

  /** A subscription that is subscribed. */
  async subscribed(client, channel, options) {
    const sub = this.subscription(client, channel, options);
    sub.subscribe();
    await sub.log.next("subscribed");
    return sub;
  }

  /** The data of the publications that a subscription, or a client by the server's will, has got. */
  data(source) {
    return source.log.all("publication").map((publication) => this.decode(publication.data));
  }

  /** The `n` of `publishNumbers` that a subscription has got, once it has `count` of them. */
  async numbers(source, count) {
    await source.log.next("publication", count);
    return this.data(source).map((data) => data.n);
  }

  /** A way to the server that can be cut and mended. */
  async wire() {
    const { port } = await this.server.control("wire");
    return new Wire(this.server, port);
  }

  /** Waits until the server says that exactly these clients are present. */
  async present(channel, clients) {
    const wanted = [...clients].sort().join();
    await eventually(`presence of ${channel} to be [${wanted}]`, async () => {
      const { presence } = await this.server.api("presence", { channel });
      return Object.keys(presence).sort().join() === wanted;
    });
  }

  close() {
    for (const client of this.#clients) client.disconnect();
  }
}

class Wire {
  constructor(server, port) {
    this.server = server;
    this.port = port;
  }

  /** Ends its TCP connections without a word; those that come meanwhile are ended at once. */
  cut() {
    return this.server.control("wire/cut", { port: this.port });
  }

  /** Lets connections through again. */
  mend() {
    return this.server.control("wire/mend", { port: this.port });
  }

  /** Cuts, does something while nobody can come back, and mends. */
  async without(doing) {
    await this.cut();
    await doing();
    await this.mend();
  }
}

/** Numbers from `first` to `last`. */
export const range = (first, last) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

/** A scenario for those transports alone whose name `fits`. */
export const only = (fits, scenario) => Object.assign(scenario, { fits });
