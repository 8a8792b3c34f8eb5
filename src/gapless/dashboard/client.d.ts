/** Everything up to and including `offset` of `epoch`. Written `EPOCH:OFFSET`. */
export interface Position {
  epoch: string;
  offset: number;
}

/** One connection of one user. */
export interface Member {
  user: string;
  client: string;
  conn_info?: unknown;
  chan_info?: unknown;
}

export interface Publication<Data = unknown> {
  channel: string;
  /** `null` where the channel keeps no history. */
  offset: number | null;
  epoch: string;
  data: Data;
  tags?: Record<string, string>;
  /** The client that published it, if one did. */
  info?: Member;
  /** Was it replayed? */
  history: boolean;
  /** Was it missed while the connection was away? */
  recovered: boolean;
}

/** These will not come. */
export interface Gap {
  channel: string;
  /** The first and the last offset; `null` where nobody knows, or where publications have none. */
  from: number | null;
  to: number | null;
  /** How many had no offset. */
  count?: number;
  reason:
    | "trimmed"
    | "epoch"
    | "latest"
    | "unnumbered"
    | "interrupted"
    | "missing"
    | "disconnected"
    | "skipped"
    | (string & {});
  /** Of everything that follows. */
  epoch: string;
  /** `false`: a resume failed. */
  recovered?: boolean;
}

/** The history has come. */
export interface Replayed {
  channel: string;
  epoch: string;
  oldest: number;
  head: number;
  count: number;
  recovered: boolean | null;
}

/** A page of what a channel keeps. */
export interface Page<Data = unknown> {
  publications: { offset: number; data: Data; tags?: Record<string, string>; info?: Member }[];
  epoch: string;
  oldest: number;
  head: number;
}

export interface State {
  name: "idle" | "connecting" | "connected" | "waiting" | "closed";
  attempt?: number;
  /** Milliseconds until the next attempt, of `waiting`. */
  delay?: number;
  code?: number;
  reason?: string;
}

export interface ConnectOptions {
  /** The credential, or what gives it: asked before each attempt. */
  token?: string | (() => string | Promise<string>);
  /** More parameters of the address. */
  query?: Record<string, string | number>;
  onState?: (state: State) => void;
  /** What whole numbers become that a number would round. With either, a bigint can be published. */
  integers?: "bigint" | "string";
  /** Reads a frame, instead of `JSON.parse`. */
  parse?: (text: string) => any;
  /** May publications that come together come in one frame? Default: `true`. */
  batch?: boolean;
  /** Milliseconds between live frames, at least. */
  pace?: number;
  /** Milliseconds between pings. Default: 25,000. */
  pingEvery?: number;
  /** Milliseconds that an answer to one may take. Default: 10,000. */
  pongWithin?: number;
  /** The class to use; `null`: none, but event streams. */
  WebSocket?: (new (url: URL, protocols: string[]) => any) | null;
}

export interface SubscribeOptions {
  /** So many of the newest first; default: all that are kept. */
  history?: number;
  /** Go on behind this position instead. */
  since?: Position | string | null;
  /** When more than `missed` were missed, only so many of the `newest` come. */
  atMost?: { missed: number; newest: number };
  /** Default: a warning in the console; `null`: nothing. */
  onGap?: ((gap: Gap) => void) | null;
  onHistory?: (replayed: Replayed) => void;
  /** Refused or ended by the server, and over. */
  onError?: (error: { code: number; message: string }) => void;
  onJoin?: (member: Member) => void;
  onLeave?: (member: Member) => void;
}

export interface Subscription {
  readonly channel: string;
  /** How far it has been delivered. */
  readonly position: Position | null;
  unsubscribe(): void;
}

export interface Hub {
  readonly state: State;
  onstate: ((state: State) => void) | null;
  /** Throws when there is a subscription to this channel already. */
  subscribe<Data = unknown>(
    channel: string,
    onPublication: (publication: Publication<Data>) => void,
    options?: SubscribeOptions,
  ): Subscription;
  /** Rejects with `code` when it is refused, and when the connection is lost before the answer. */
  publish(channel: string, data: unknown): Promise<{ epoch?: string; offset?: number }>;
  /** Who is in a channel, by client id. */
  presence(channel: string): Promise<Record<string, Member>>;
  history<Data = unknown>(
    channel: string,
    options?: { since?: Position | string; limit?: number; reverse?: boolean },
  ): Promise<Page<Data>>;
  /** Try again now, also after `closed`. */
  reconnect(): void;
  /** For good. */
  close(): void;
}

/** `base` is where the hub is mounted. Nothing is opened before the first subscription. */
export function connect(base?: string | URL, options?: ConnectOptions): Hub;
