/**
 * From subscriptions to entries in order. While channels are joining, whatever comes is held, and let go as
 * one when all have joined: several histories by time, what was missed behind a note that says so.
 */
import { backWords, gapWords, lostIn } from "./notes.js";
import { isStats, toRecord } from "./record.js";
import { toNote } from "./row.js";

const HISTORY = 1_000; // publications of each channel
const PATIENCE_MS = 2_000; // with a channel that does not answer, while others have something to show
const MAX_HELD = 10_000;

export class Feed {
  /**
   * What is known of each channel that was ever on. `joining`: "first", "again" after a reconnect, or "".
   * @type {Map<string, {name: string, joining: string, subscription: object|null, since: object|null,
   *   error: {code: number, message: string}|null, off: boolean, at: number, rows: number, first: number|null,
   *   unloaded: number}>} `off`: switched off by the reader; `rows`: how many came
   */
  channels = new Map();
  ledger = { gaps: 0, lost: 0, unknown: 0 };
  #hub;
  #stream;
  #board;
  #say;
  #held = [];
  #merging = false; // is a first history among what is held?
  #absence = null;
  #timer = 0; // runs while something is joining

  /**
   * @param {ReturnType<import("./client.js").connect>} hub
   * @param {import("./stream.js").Stream} stream
   * @param {import("./board.js").Board} board gets the channels of statistics
   * @param {(words: string) => void} say announces gaps and returns
   */
  constructor(hub, stream, board, say) {
    this.#hub = hub;
    this.#stream = stream;
    this.#board = board;
    this.#say = say;
  }

  isOn(name) {
    return Boolean(this.channels.get(name)?.subscription);
  }

  turnOn(name) {
    const known = this.channels.get(name) ?? { name, since: null, at: 0, rows: 0, first: null, unloaded: 0 };
    const channel = Object.assign(known, { joining: "first", error: null, off: false });
    this.channels.set(name, channel);
    const onPublication = (publication) => this.#onPublication(channel, publication);
    const onValues = (publication) => this.#board.show(name, publication.data);
    const ends = {
      onHistory: (joined) => this.#onHistory(channel, joined),
      onError: (error) => this.#onError(channel, error),
    };
    this.#await();
    channel.subscription = isStats(name)
      ? this.#hub.subscribe(name, onValues, { ...ends, history: 1 })
      : this.#hub.subscribe(name, onPublication, {
          ...ends,
          history: HISTORY,
          since: channel.since ?? undefined,
          onGap: (gap) => this.#onGap(channel, gap),
        });
  }

  /** What it misses from now on is asked for when it is switched on again. */
  turnOff(name) {
    const channel = this.channels.get(name);
    channel.since = channel.subscription.position;
    channel.subscription.unsubscribe();
    Object.assign(channel, { subscription: null, off: true });
    this.#joined(channel);
    this.#board.hide(name);
  }

  /** The connection is back after so many milliseconds. */
  onBack(milliseconds) {
    this.#absence = { milliseconds, recovered: 0, lost: 0, unknown: false };
    for (const channel of this.channels.values()) if (channel.subscription) channel.joining ||= "again";
    this.#await();
  }

  #onPublication(channel, publication) {
    const record = toRecord(publication, channel.at);
    channel.at = record.at;
    channel.rows += 1;
    channel.first ??= publication.offset;
    this.#add({ at: record.at, channel: channel.name, record, note: null });
  }

  #onGap(channel, gap) {
    const lost = lostIn(gap);
    this.ledger.gaps += 1;
    this.ledger.lost += lost ?? 0;
    this.ledger.unknown += lost === null ? 1 : 0;
    if (this.#absence && channel.joining === "again") {
      this.#absence.lost += lost ?? 0;
      this.#absence.unknown ||= lost === null;
    }
    const words = gapWords(gap);
    this.#say(`${channel.name}: ${words}`);
    const note = () => toNote("gap", words, channel.name);
    this.#add({ at: channel.at, channel: channel.name, record: null, note });
  }

  #onHistory(channel, { oldest, recovered, count }) {
    if (recovered === null && channel.first) channel.unloaded = Math.max(0, channel.first - oldest);
    if (channel.joining === "first") this.#merging = true;
    else if (this.#absence) this.#absence.recovered += count;
    this.#joined(channel);
  }

  #onError(channel, error) {
    channel.subscription = null;
    channel.error = error;
    this.#joined(channel);
  }

  #add(entry) {
    if (!this.#timer) return this.#stream.append([entry]);
    this.#held.push(entry);
    if (this.#held.length <= MAX_HELD) return;
    this.#held.splice(0, MAX_HELD / 2);
    this.#stream.skip(MAX_HELD / 2);
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
    if (this.#absence && !joining) entries.unshift(this.#back(entries[0]?.at ?? Date.now()));
    this.#stream.unloaded = [...this.channels.values()].reduce((sum, channel) => sum + channel.unloaded, 0);
    if (this.#merging) this.#stream.merge(entries);
    else this.#stream.append(entries);
    this.#merging = joining;
    if (joining) this.#await();
  }

  #back(at) {
    const words = backWords(this.#absence);
    this.#absence = null;
    this.#say(words);
    return { at, channel: null, record: null, note: () => toNote("back", words) };
  }
}
