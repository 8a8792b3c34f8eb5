/** The server under test, as its back end sees it: the HTTP API, control endpoints, tokens. */

import { createHmac } from "node:crypto";

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

export class HubServer {
  /** `settings` is what `server.py` printed: host, port, secret, key. */
  constructor({ host, port, secret, key }) {
    this.host = host;
    this.port = port;
    this.secret = secret;
    this.key = key;
  }

  /** The result of an API method. Throws with code and message when it is an error. */
  async api(method, params = {}) {
    const response = await this.#post(`/api/${method}`, params, { "x-api-key": this.key });
    const { result, error } = await response.json();
    if (error) throw Object.assign(new Error(`${method}: ${error.code} ${error.message}`), error);
    return result;
  }

  publish(channel, data, more = {}) {
    return this.api("publish", { channel, data, ...more });
  }

  /** Publishes `{"n": first}`, `{"n": first + 1}` … and returns when the last one is stored. `pad` makes them larger. */
  publishNumbers(channel, first, count, more = {}) {
    return this.control("publish", { channel, first, count, ...more });
  }

  /** What a test may do to the server beside its API. */
  async control(name, params = {}) {
    return (await this.#post(`/control/${name}`, params)).json();
  }

  async #post(path, body, headers = {}) {
    const response = await fetch(`http://${this.host}:${this.port}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  /** A signed token with these claims. `lasts` is seconds from now, negative for one that has expired. */
  token(claims, { lasts = 3600, secret = this.secret } = {}) {
    const body = { ...claims, exp: Math.floor(Date.now() / 1000) + lasts };
    const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(body)}`;
    return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  }
}
