/** `POST /api/METHOD`, with exact numbers. Who may not call it is told once, and the page asks no more. */
import { parse } from "./json.js";

export class Api {
  /** What became of it: "unknown", "open", "refused" (once given and then not: "signed-out"), "absent", "unreachable". */
  state = "unknown";
  /** @type {(state: string) => void} */
  onState = () => {};
  #base;

  /** @param {URL} base where the hub is mounted */
  constructor(base) {
    this.#base = new URL("api/", base);
  }

  get isOpen() {
    return this.state === "open";
  }

  /**
   * @returns {Promise<any>} the result
   * @throws {ApiError}
   */
  async call(method, body = {}, { signal = undefined } = {}) {
    const response = await this.#send(method, body, signal);
    if (response.status === 401 || response.status === 403) {
      this.#become(this.state === "open" || this.state === "signed-out" ? "signed-out" : "refused");
      throw new ApiError(response.status, "not allowed");
    }
    if (!response.ok) throw new ApiError(response.status, await response.text());
    const answer = await this.#read(response);
    this.#become("open");
    if (answer.error) throw new ApiError(answer.error.code, answer.error.message);
    return answer.result;
  }

  /**
   * What is answered with a file. The browser holds it, on its disk where it is large.
   * @returns {Promise<{blob: Blob, name: string}>} `name`: what the server calls it, "" when it does not say
   * @throws {ApiError}
   */
  async file(method, body, { signal = undefined } = {}) {
    const response = await this.#send(method, body, signal);
    if (response.status === 401 || response.status === 403) this.#become("signed-out");
    if (!response.ok) throw new ApiError(response.status, await response.text());
    const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "";
    return { blob: await response.blob(), name };
  }

  /** What the server tells everybody about itself and about us. @returns {Promise<any>} */
  async session() {
    const response = await this.#send("session", {});
    if (!response.ok) throw new ApiError(response.status, "not told");
    const { result } = await this.#read(response);
    if (result.channels) this.#become("open"); // it is told to who may call it
    return result;
  }

  /** It is known that we may not call it. */
  refuse() {
    this.#become("refused");
  }

  async #send(method, body, signal) {
    const headers = { "Content-Type": "application/json" };
    try {
      return await fetch(new URL(method, this.#base), { method: "POST", headers, body: JSON.stringify(body), cache: "no-store", signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (this.state === "unknown") this.#become("unreachable");
      throw new ApiError(0, "the server cannot be reached");
    }
  }

  async #read(response) {
    try {
      return parse(await response.text());
    } catch {
      this.#become("absent"); // something else than the hub answers here
      throw new ApiError(0, "the answer is not the hub's");
    }
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.onState(state);
  }
}

export class ApiError extends Error {
  /** @param {number} code an HTTP status, a code of the protocol, or 0 */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}
