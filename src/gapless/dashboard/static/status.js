/** The state of the connection in words, and what a click can do about it. */
import { duration } from "./format.js";
import { plain } from "./text.js";

/**
 * @param {import("./client.js").State} state
 * @param {{retryAt: number, wasUp: boolean, list: string}} more `retryAt` in milliseconds since 1970; `list`: what
 *   became of the list of channels
 * @returns {{kind: "live"|"busy"|"down", words: string, action: "reload"|"reconnect"|null, label: string}}
 */
export function describe(state, { retryAt, wasUp, list }) {
  const down = (words, action, label) => ({ kind: "down", words, action, label });
  if (state.name === "connected") return { kind: "live", words: "Live", action: null, label: "" };
  if (list === "signed-out") return down("Signed out", "reload", "Sign in");
  if (state.name === "idle" && list === "given") return { kind: "live", words: "Ready", action: null, label: "" };
  if (state.name === "closed") {
    const reason = `${plain(state.reason || "no reason given")} (${state.code})`;
    return down(`Disconnected: ${reason}`, "reconnect", "Connect again");
  }
  if (state.name === "waiting" && !navigator.onLine) return down("You are offline", "reconnect", "Try now");
  if (state.name === "waiting" && state.attempt > 1) {
    const words = `Reconnecting in ${duration(retryAt - Date.now())}`;
    return { kind: "busy", words, action: "reconnect", label: "Try now" };
  }
  return { kind: "busy", words: wasUp ? "Reconnecting…" : "Connecting…", action: null, label: "" };
}

/** @param {{gaps: number, lost: number, unknown: number}} ledger */
export function completeness({ gaps, lost, unknown }) {
  if (gaps === 0) return "nothing missing";
  const parts = [`${gaps} gap${gaps === 1 ? "" : "s"}`];
  if (lost > 0) parts.push(`${lost} lost`);
  if (unknown > 0) parts.push("not all of it is known");
  return parts.join(", ");
}
