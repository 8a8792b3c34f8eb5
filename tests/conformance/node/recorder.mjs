/** Transports that remember what went over the wire, so that a failure can show its frames. */

import { EventSource } from "eventsource";
import { WebSocket } from "ws";

const KEPT = 40;
const LONGEST = 600;

export class Recorder {
  constructor() {
    this.frames = [];
    this.sockets = [];
    /** Frames from the server that hold nothing but a ping. */
    this.pings = 0;
  }

  note(direction, data) {
    if (direction === "←" && isPing(data)) this.pings += 1;
    this.frames.push(`${direction} ${readable(data)}`.slice(0, LONGEST));
    if (this.frames.length > KEPT) this.frames.shift();
  }

  /** The newest WebSocket that was opened. */
  get socket() {
    return this.sockets.at(-1);
  }

  get websocket() {
    const recorder = this;
    return class extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols ?? []);
        recorder.sockets.push(this);
        this.on("open", () => recorder.note("·", `open ${url} ${this.protocol}`));
        this.on("message", (data, binary) => recorder.note("←", binary ? data : data.toString()));
        this.on("close", (code, reason) => recorder.note("·", `close ${code} ${reason}`));
      }

      send(data, ...rest) {
        recorder.note("→", data);
        super.send(data, ...rest);
      }
    };
  }

  get fetch() {
    return async (url, options = {}) => {
      this.note("→", options.body ?? `GET ${url}`);
      const response = await fetch(url, options);
      if (!response.ok || !response.body) {
        this.note("·", `${response.status} for ${url}`);
        return response;
      }
      const tap = new TransformStream({
        transform: (chunk, controller) => {
          this.note("←", Buffer.from(chunk));
          controller.enqueue(chunk);
        },
        flush: () => this.note("·", "the response ended"),
      });
      return new Response(response.body.pipeThrough(tap), response);
    };
  }

  get eventsource() {
    const recorder = this;
    return class extends EventSource {
      constructor(url, init) {
        // The library follows redirects by the response's URL, which a new Response would not have.
        super(url, { ...init, fetch: (to, options) => recorder.fetch(to, options).then((r) => located(r, to)) });
      }
    };
  }
}

function located(response, url) {
  Object.defineProperty(response, "url", { value: String(url) });
  return response;
}

function isPing(data) {
  const bytes = Buffer.from(data);
  if (bytes.length === 1) return bytes[0] === 0;
  return /^(data: )?\{\}\s*$/.test(bytes.toString());
}

function readable(data) {
  if (typeof data === "string") return data.trim();
  const bytes = Buffer.from(data);
  const text = bytes.toString();
  // eslint-disable-next-line no-control-regex
  return /[\x00-\x08\x0e-\x1f\ufffd]/.test(text) ? `<${bytes.toString("hex")}>` : text.trim();
}
