/** Numbers and times as words. Times are milliseconds since 1970, and shown in the zone of the reader. */

const days = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric" });
const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });

/** 14:02:11.093, or nothing when the time is unknown. */
export function clock(time) {
  if (time === null) return "";
  const date = new Date(time);
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0"));
  return `${parts.join(":")}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Wed, 4 Nov 2026 */
export function day(time) {
  return days.format(time);
}

/** The exact moment, for a title. */
export function moment(time) {
  return time === null ? "" : `${day(time)} ${clock(time)} (${new Date(time).toISOString()})`;
}

export function count(number) {
  return numbers.format(number);
}

/** "1 row", "2 rows". */
export function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** 3 s, 4 min 5 s, 2 h 10 min. */
export function duration(milliseconds) {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
