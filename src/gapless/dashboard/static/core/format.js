/** Numbers, sizes and lengths of time as words. */

/** @type {Intl.NumberFormat|null} made when it is needed: the first of them takes longer than all else that a page does at its start */
let fractions = null;
const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** 18,204 */
export function count(number) {
  if (typeof number !== "number") return String(number);
  if (Number.isSafeInteger(number)) return String(number).replace(/\B(?=(?:\d{3})+$)/g, ",");
  fractions ??= new Intl.NumberFormat("en", { maximumFractionDigits: 3 });
  return fractions.format(number);
}

/** "1 line", "2 lines". */
export function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** 950, 12.3k, 4.1M: where there is no room for more. */
export function short(number) {
  if (number < 1_000) return String(Math.round(number));
  if (number < 1_000_000) return `${trim(number / 1_000)}k`;
  return `${trim(number / 1_000_000)}M`;
}

/** 41 MB */
export function bytes(number) {
  let unit = 0;
  while (number >= 1024 && unit < UNITS.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? number : trim(number)} ${UNITS[unit]}`;
}

/** 3 s, 4 min 5 s, 2 h 10 min, 3 d 4 h. */
export function duration(milliseconds) {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.floor(hours / 24)} d`;
}

/** 0.4 ms, 12 ms, 1.3 s. */
export function milliseconds(seconds) {
  return seconds < 0.0095 ? `${(seconds * 1_000).toFixed(1)} ms` : seconds < 1 ? `${Math.round(seconds * 1_000)} ms` : `${seconds.toFixed(1)} s`;
}

/** "4 s ago", "now". */
export function ago(milliseconds) {
  if (milliseconds < 1_500) return "now";
  if (milliseconds < 60_000) return `${Math.round(milliseconds / 1000)} s ago`;
  if (milliseconds < 3_600_000) return `${Math.round(milliseconds / 60_000)} min ago`;
  if (milliseconds < 86_400_000) return `${Math.round(milliseconds / 3_600_000)} h ago`;
  return `${Math.round(milliseconds / 86_400_000)} d ago`;
}

function trim(number) {
  return number >= 100 ? String(Math.round(number)) : number.toFixed(1).replace(/\.0$/, "");
}
