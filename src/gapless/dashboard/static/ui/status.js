/** The state of the connection in words, and what a click on them does. Pure. */
import { duration } from "../core/format.js";
import { counted } from "../core/format.js";
import { moment } from "../core/time.js";
import { plain } from "../log/ansi.js";

/**
 * @param {{name: string, attempt?: number, delay?: number, code?: number, reason?: string}} state
 * @param {{retryAt: number, wasUp: boolean, api: string, channels: number, online: boolean, lines: number, now: number,
 *   behind: {lines: number, seconds: number|null}|null}} more
 *   `retryAt`, `now`: in milliseconds since 1970; `api`: what became of calls to the API
 * @returns {{kind: "live"|"busy"|"down", words: string, label: string}} `label`: of what a click does, or ""
 */
export function describe(state, { retryAt, wasUp, api, channels, online, lines, now, behind = null }) {
  if (state.name === "connected" && behind) {
    const far = behind.seconds === null ? counted(behind.lines, "line") : `${behind.seconds.toFixed(1)} s`;
    return { kind: "busy", words: `Catching up: ${far} behind`, label: "Jump to now" };
  }
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

/**
 * Who feeds the hub, in a few words: "3 up", "redis:main down 12 s"; "" when nobody does.
 * @param {{source: string, state: string, since: number|null, error?: string|null}[]} sources @param {number} now milliseconds since 1970
 * @returns {{words: string, more: string, isTrouble: boolean}} `more`: of each that is in trouble since when, and why
 */
export function describeSources(sources, now) {
  const trouble = sources.filter(({ state }) => state === "down" || state === "retrying");
  if (trouble.length > 0) {
    const [{ source, state, since }] = trouble;
    const others = trouble.length > 1 ? `, ${trouble.length - 1} more` : "";
    const long = since ? ` ${duration(now - since * 1_000)}` : ""; // a feed of an older server does not say since when
    const more = trouble.map((each) => `${plain(each.source)}: ${each.state}${sinceWords(each)}${each.error ? `, ${plain(each.error)}` : ""}`);
    return { words: `${plain(source)} ${state}${long}${others}`, more: more.join("\n"), isTrouble: true };
  }
  const up = sources.filter(({ state }) => state === "up").length;
  return { words: sources.length === 0 ? "" : up > 0 ? `${counted(up, "source")} up` : `${counted(sources.length, "source")} idle`, more: "", isTrouble: false };
}

/** " since 14 May 14:02", "" where it does not say. @param {{since: number|null}} source */
export function sinceWords({ since }) {
  return since ? ` since ${moment(since * 1_000)}` : "";
}
