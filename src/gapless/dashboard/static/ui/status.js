/** The state of the connection in words, and what a click on them does. Pure. */
import { duration } from "../core/format.js";
import { plain } from "../log/ansi.js";
import { counted } from "../core/format.js";

/**
 * @param {import("../client.js").State} state
 * @param {{retryAt: number, wasUp: boolean, api: string, channels: number, online: boolean, lines: number, now: number}} more
 *   `retryAt`, `now`: in milliseconds since 1970; `api`: what became of calls to the API
 * @returns {{kind: "live"|"busy"|"down", words: string, label: string}} `label`: of what a click does, or ""
 */
export function describe(state, { retryAt, wasUp, api, channels, online, lines, now }) {
  if (state.name === "connected") return { kind: "live", words: "Live", label: "" };
  if (api === "signed-out") return { kind: "down", words: "Signed out", label: "Sign in" };
  if (state.name === "idle" && channels === 0) return { kind: api === "unreachable" ? "down" : "live", words: api === "unreachable" ? "The server does not answer" : "Ready", label: "" };
  if (state.name === "closed") {
    const reason = `${plain(state.reason || "no reason given")} (${state.code})`;
    return { kind: "down", words: `Disconnected: ${reason}`, label: "Connect again" };
  }
  if (state.name === "waiting" && !online) return { kind: "down", words: `You are offline. ${counted(lines, "line")} kept here`, label: "Try now" };
  if (state.name === "waiting" && (state.attempt > 1 || wasUp)) {
    const next = retryAt > now ? `, next in ${duration(retryAt - now)}` : "";
    return { kind: "busy", words: `Reconnecting (attempt ${state.attempt}${next})`, label: "Try now" };
  }
  return { kind: "busy", words: wasUp ? "Reconnecting…" : "Connecting…", label: "" };
}
