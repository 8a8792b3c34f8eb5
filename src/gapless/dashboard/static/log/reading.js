/**
 * Publications of a channel that the server keeps, as rows: through the API where the page may call it, else by a
 * connection of its own that resumes there.
 */
import { connect } from "../client.js";
import { parse } from "../core/json.js";
import { toRow } from "./testing.js";

const PATIENCE_MS = 15_000;

/** @typedef {ReturnType<typeof toRow> & {at: number}} Row `at`: its time, or that of the one before it, so that it never falls */

export class Reading {
  #base;
  #api;

  /** @param {{base: URL, api: object}} server */
  constructor({ base, api }) {
    this.#base = base;
    this.#api = api;
  }

  /** At most so many before an offset, the oldest first. @returns {Promise<Row[]>} */
  async before(channel, epoch, before, limit) {
    if (this.#api.isOpen) return this.#ask(channel, { limit, reverse: true, since: { epoch, offset: before } });
    const from = Math.max(0, before - 1 - limit);
    return this.#resume(channel, epoch, from, before - 1 - from);
  }

  /** At most so many after an offset, the oldest first. @returns {Promise<Row[]>} */
  async after(channel, epoch, after, limit) {
    if (this.#api.isOpen) return this.#ask(channel, { limit, since: { epoch, offset: after } });
    return this.#resume(channel, epoch, after, limit);
  }

  async #ask(channel, query) {
    const { publications, epoch } = await this.#api.call("history", { channel, ...query });
    if (epoch !== query.since.epoch) return [];
    const rows = publications.map(({ offset, data }) => toRow(channel, epoch, offset, data));
    return stamped(query.reverse ? rows.reverse() : rows);
  }

  /** As any client would: resume after a position, and leave when that many have come. */
  #resume(channel, epoch, after, limit) {
    return new Promise((resolve, reject) => {
      const rows = [];
      const hub = connect(this.#base, { parse });
      const done = (settle, value) => {
        clearTimeout(timer);
        hub.close();
        settle(value);
      };
      const timer = setTimeout(() => done(reject, new Error("the server did not answer")), PATIENCE_MS);
      const take = (publication) => {
        if (publication.epoch === epoch && publication.offset <= after + limit) rows.push(toRow(channel, epoch, publication.offset, publication.data));
        if (publication.offset >= after + limit) done(resolve, stamped(rows));
      };
      hub.subscribe(channel, take, {
        since: `${epoch}:${after}`,
        onHistory: () => done(resolve, stamped(rows)),
        onError: (error) => done(reject, new Error(error.message)),
      });
    });
  }
}

/** `at`: the time of a row, or of the one before it, so that it never falls. */
function stamped(rows) {
  let at = rows.find((row) => row.time !== null)?.time ?? 0;
  for (const row of rows) row.at = at = Math.max(at, row.time ?? at);
  return rows;
}
