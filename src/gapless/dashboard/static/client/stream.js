/**
 * What a WebSocket is to the client, where none comes through: frames come as events, commands are posted in order.
 */
export class Stream {
  onopen = null;
  onmessage = null;
  onclose = null;
  #closing = new AbortController();
  #headers;
  #sent = Promise.resolve();
  #up;
  #where = {}; // of the session: what a posted command names

  constructor(down, up, token) {
    this.#up = up;
    this.#headers = token ? { Authorization: `Bearer ${token}` } : {};
    this.#read(down).catch((error) => ({ code: 1006, reason: error.message })).then((end) => this.onclose?.(end));
  }

  async #read(down) {
    const response = await fetch(down, { headers: this.#headers, signal: this.#closing.signal });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    let end = { code: 1006, reason: "the stream ended" };
    let rest = "";
    for await (const text of texts(response.body)) {
      const events = (rest + text).split("\n\n");
      rest = events.pop();
      for (const event of events) end = this.#on(event) ?? end;
    }
    return end;
  }

  /** One event, in lines; of the last one the end. */
  #on(event) {
    const data = /^data: (.*)$/m.exec(event)?.[1]; // without, it is a comment
    if (event.startsWith("event: close\n")) return JSON.parse(data);
    if (event.startsWith("event: session\n")) this.onopen?.((this.#where = JSON.parse(data)));
    else if (data) this.onmessage?.({ data });
    return undefined;
  }

  send(data) {
    const { signal } = this.#closing;
    const headers = { ...this.#headers, "Content-Type": "application/json" };
    this.#sent = this.#sent.then(async () => {
      const body = JSON.stringify({ ...this.#where, data });
      const response = await fetch(this.#up, { method: "POST", headers, body, signal });
      if (!response.ok) this.close();
    });
    this.#sent.catch(() => this.close());
  }

  close() {
    this.#closing.abort();
  }
}

/** Pieces of a body, as text. */
async function* texts(body) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read())
    yield decoder.decode(piece.value, { stream: true });
}
