/**
 * From subscriptions to rows in order. While channels are joining, whatever comes is held, and let go as one when all
 * have joined: several histories by time, what was missed behind a mark that says so. Every gap is a mark in its place.
 */
import { ERROR } from "./levels.js";
import { toShape } from "./shape.js";
import { LastVisit } from "./visit.js";

const HISTORY = 1_000; // publications of each channel
const MISSED = { missed: 20_000, newest: 5_000 }; // beyond that many, the newest come and the rest can be loaded
const PATIENCE_MS = 2_000; // with a channel that does not answer, while others have something to show
const MAX_HELD = 25_000;
const MAX_PROGRESS = 1_000; // things that go on at once
const KINDS = { skipped: "unloaded", epoch: "restart" };
const JUMPED = { missed: 200, newest: 200 }; // what is still worth to be read when the reader wants to be at the head

/**
 * @typedef {{name: string, joining: ""|"first"|"again", subscription: any, since: any,
 *   error: {code: number, message: string}|null, off: boolean, at: number, epoch: string, oldest: number,
 *   first: {epoch: string, offset: number}|null, lastAt: number, firstTime: number|null, renewed: boolean,
 *   jumps: boolean}} Channel
 *   `jumps`: the reader wants the newest alone; `renewed`: what comes as history is of another epoch than what came before; `first`: the oldest that is loaded; `oldest`: the oldest that the server keeps; `lastAt`: when the newest came
 */

const progressOf = ({ channel, shape }, key) => `${channel}\n${shape.source}\n${key}`;

export class Feed {
  /** @type {Map<string, Channel>} every one that was ever on */
  channels = new Map();
  /** Publications that came live, not as history. */
  received = 0;
  /** Errors among them, and what the newest said. */
  errors = 0;
  lastError = "";
  /** When something came last, in milliseconds since 1970. */
  lastAt = 0;
  /** Something came or changed: told once for all that came together. */
  onChange = () => {};
  /** @type {(words: import("./ledger.js").Return) => void} */
  onReturn = () => {};
  /** @type {(gap: import("./ledger.js").Gap) => void} */
  onGap = () => {};
  #hub;
  #store;
  #view;
  #ledger;
  #held = [];
  #weaving = false; // is a first history among what is held?
  #absence = null;
  #timer = 0; // runs while something is joining
  #lastVisit;
  #progress = new Map(); // channel, source and key of what goes on → key of the row that says how far it is

  /**
   * @param {ReturnType<typeof import("../client.js").connect>} hub
   * @param {import("./store.js").Store} store
   * @param {import("./view.js").View} view gets the marks
   * @param {import("./ledger.js").Ledger} ledger
   * @param {{history?: number, positions?: Record<string, string>}} [options]
   */
  constructor(hub, store, view, ledger, { history = HISTORY, positions = {} } = {}) {
    this.#hub = hub;
    this.#store = store;
    this.#view = view;
    this.#ledger = ledger;
    this.history = history;
    this.#lastVisit = new LastVisit(positions);
  }

  isOn(name) {
    return Boolean(this.channels.get(name)?.subscription);
  }

  get names() {
    return [...this.channels.values()].filter((channel) => channel.subscription).map(({ name }) => name);
  }

  get positions() {
    const known = [...this.channels.values()].map(({ name, subscription }) => [name, subscription?.position]);
    return Object.fromEntries(known.filter(([, position]) => position).map(([name, { epoch, offset }]) => [name, `${epoch}:${offset}`]));
  }

  turnOn(name) {
    const known = this.channels.get(name) ?? { name, subscription: null, since: null, at: 0, epoch: "", oldest: 0, first: null, lastAt: 0, firstTime: null, renewed: false, jumps: false };
    /** @type {Channel} */
    const channel = Object.assign(known, { joining: /** @type {const} */ ("first"), error: null, off: false });
    this.channels.set(name, channel);
    this.#await();
    channel.subscription = this.#hub.subscribe(name, (publication) => this.#onPublication(channel, publication), {
      history: this.history,
      since: channel.since ?? undefined,
      atMost: channel.jumps ? JUMPED : MISSED,
      onGap: (gap) => this.#onGap(channel, gap),
      onHistory: (joined) => this.#onHistory(channel, joined),
      onError: (error) => this.#onError(channel, error),
    });
    this.#changed();
  }

  /** What it misses from now on is asked for when it is switched on again. */
  turnOff(name) {
    const channel = this.channels.get(name);
    this.#leave(channel);
    channel.off = true;
    this.#joined(channel);
    this.#changed();
  }

  /** Ask for nothing for a while: it costs nothing and loses nothing. */
  suspend() {
    this.suspended = [...this.channels.values()].filter((channel) => channel.subscription);
    for (const channel of this.suspended) this.#leave(channel);
    this.#absence = { since: Date.now(), cause: "hidden", recovered: 0, fresh: 0, lost: 0, unknown: false };
  }

  wake() {
    const channels = this.suspended ?? [];
    this.suspended = null;
    const { since } = this.#absence ?? { since: Date.now() };
    for (const { name } of channels) this.turnOn(name);
    for (const channel of channels) channel.joining = "again";
    if (this.#absence) this.#absence.milliseconds = Date.now() - since;
  }

  /** Go to what is published now: what this page has not got yet stands behind a mark, from where it can be loaded. */
  jump() {
    const channels = [...this.channels.values()].filter((channel) => channel.subscription?.position);
    for (const channel of channels) this.#leave(channel);
    for (const channel of channels) {
      channel.jumps = true;
      this.turnOn(channel.name);
      channel.joining = "again";
    }
  }

  /** The connection is back, after so long. */
  onBack(milliseconds, cause) {
    this.#absence ??= { recovered: 0, fresh: 0, lost: 0, unknown: false, cause };
    this.#absence.milliseconds = milliseconds;
    for (const channel of this.channels.values()) if (channel.subscription) channel.joining = "again";
    this.#await();
    if (!this.#isJoining()) this.#release();
  }

  #leave(channel) {
    channel.since = channel.subscription?.position ?? channel.since;
    channel.subscription?.unsubscribe();
    channel.subscription = null;
  }

  #onPublication(channel, { offset, epoch, data, history }) {
    const shape = toShape(data);
    // What is live and says nothing about time happened about now; what is old did not.
    const time = shape.time ?? (history ? null : Date.now());
    channel.at = Math.max(channel.at, time ?? channel.at);
    if (!history) this.#countLive(shape);
    this.lastAt = channel.lastAt = Date.now();
    if (offset !== null && (channel.first === null || channel.first.epoch !== epoch)) channel.first = { epoch, offset };
    channel.firstTime ??= time;
    this.#ledger.received(channel.name, epoch, offset);
    if (shape.feederGap) this.#onFeederGap(channel, shape.feederGap);
    if (this.#absence && history) this.#absence[channel.renewed ? "fresh" : "recovered"] += 1;
    const row = { channel: channel.name, epoch, offset, time, shape, leftAt: this.#lastVisit.endsBefore(channel.name, epoch, offset) };
    this.#put({ at: channel.at, row });
  }

  #countLive({ level, message }) {
    this.received += 1;
    if (level < ERROR) return;
    this.errors += 1;
    this.lastError = message;
  }

  #onFeederGap(channel, { count = null, by_level: levels = {} }) {
    const words = Object.entries(levels).map(([level, number]) => `${level} ${number}`).join(", ");
    this.#note(channel, { kind: "feeder", from: null, to: null, count, epoch: "", reason: words });
  }

  #onGap(channel, gap) {
    const counted = Number.isInteger(gap.from) && Number.isInteger(gap.to);
    const count = counted ? gap.to - gap.from + 1 : (gap.count ?? null);
    if (this.#absence) {
      if (gap.reason !== "skipped") this.#absence.lost += count ?? 0;
      this.#absence.unknown ||= count === null;
    }
    if (gap.reason === "epoch") Object.assign(channel, { first: null, renewed: true });
    const { from = null, to = null, epoch } = gap;
    const reason = channel.jumps && gap.reason === "skipped" ? "behind" : gap.reason;
    this.#note(channel, { kind: KINDS[gap.reason] ?? "lost", from, to, count, epoch, reason });
  }

  #note(channel, gap) {
    const noted = this.#ledger.missed({ channel: channel.name, time: Date.now(), ...gap });
    this.#put({ at: channel.at, mark: { kind: noted.kind, gap: noted } });
    this.onGap(noted);
  }

  #onHistory(channel, { epoch, oldest, head, count, recovered }) {
    Object.assign(channel, { epoch, oldest: oldest ?? 0, renewed: false, jumps: false });
    if (recovered === null && epoch && count < head - oldest + 1 && channel.first === null) channel.first = { epoch, offset: head + 1 };
    if (channel.joining === "first" && this.#store.size > 0) this.#weaving = true;
    this.#joined(channel);
    this.#changed();
  }

  #onError(channel, error) {
    channel.error = error;
    channel.subscription = null;
    this.#joined(channel);
    this.#changed();
  }

  #put(entry) {
    if (this.#timer === 0) return this.#settle(entry);
    this.#held.push(entry);
    if (this.#held.length > MAX_HELD) this.#release();
  }

  #settle({ row, mark }) {
    if (mark) return this.#mark(mark);
    if (row.leftAt) this.#view.addMark({ before: this.#store.nextKey, kind: "fresh" });
    if (row.shape.progress !== null) this.#proceed(row);
    else {
      // Another line of the same program ends what has no name of its own, as it does in a terminal.
      if (this.#progress.size > 0) this.#progress.delete(progressOf(row, ""));
      this.#store.append(row);
    }
    return this.#changed();
  }

  /** The state of something that goes on takes the place of the state before it. */
  #proceed(row) {
    const name = progressOf(row, row.shape.progress);
    const known = this.#progress.get(name);
    if (known !== undefined && this.#store.replace(known, row)) return;
    if (this.#progress.size >= MAX_PROGRESS) this.#progress.clear(); // then each begins a row anew
    this.#progress.set(name, this.#store.append(row));
  }

  #mark(mark) {
    mark.before = this.#store.nextKey;
    if (mark.kind === "unloaded") {
      mark.start = this.#store.reserve(mark.gap.count);
      mark.before = mark.start;
    }
    this.#view.addMark(mark);
    this.#changed();
  }

  #isTelling = false;

  #changed() {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      this.onChange();
    });
  }

  #await() {
    this.#timer ||= setTimeout(() => this.#release(), PATIENCE_MS);
  }

  #joined(channel) {
    channel.joining = "";
    if (this.#timer && !this.#isJoining()) this.#release();
  }

  #isJoining() {
    return [...this.channels.values()].some((channel) => channel.joining);
  }

  #release() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const joining = this.#isJoining();
    // Stable, and `at` never falls within a channel: the order of each channel stays.
    const entries = this.#held.sort((one, other) => one.at - other.at);
    this.#held = [];
    if (this.#absence && !joining) this.#back();
    if (this.#weaving) this.#progress.clear(); // keys change
    if (this.#weaving && entries.every((entry) => entry.row)) this.#store.weave(entries.map((entry) => entry.row));
    else for (const entry of entries) this.#settle(entry);
    this.#weaving = joining && this.#weaving;
    if (joining) this.#await();
    this.#changed();
  }

  #back() {
    const { milliseconds = 0, recovered, fresh, lost, unknown, cause } = this.#absence;
    this.#absence = null;
    const entry = { time: Date.now(), milliseconds, recovered, fresh, lost, unknown, cause };
    this.#ledger.returned(entry);
    this.#view.addMark({ before: this.#store.nextKey, kind: "recovered", entry });
    this.onReturn(entry);
  }
}
