/** Levels: what programs call them, their ranks, and the letter that stands for each. */

/** Rank, name and letter, from the lowest. 0 is "no level". */
export const LEVELS = [
  { rank: 0, name: "none", letter: "·" },
  { rank: 5, name: "trace", letter: "T" },
  { rank: 10, name: "debug", letter: "D" },
  { rank: 20, name: "info", letter: "I" },
  { rank: 25, name: "success", letter: "S" },
  { rank: 30, name: "warning", letter: "W" },
  { rank: 40, name: "error", letter: "E" },
  { rank: 50, name: "critical", letter: "C" },
];
export const NONE = 0;
export const WARNING = 30;
export const ERROR = 40;

const RANKS = new Map(LEVELS.slice(1).map(({ name, rank }) => [name, rank]));
const OTHERS = {
  dbg: 10, verbose: 10, information: 20, notice: 25, warn: 30, wrn: 30, err: 40, severe: 40,
  crit: 50, fatal: 50, alert: 50, emerg: 50, emergency: 50, panic: 50,
};
for (const [name, rank] of Object.entries(OTHERS)) RANKS.set(name, rank);
const BY_RANK = new Map(LEVELS.map((level) => [level.rank, level]));

// A token in front of the message that can only be meant as its level: in brackets, followed by a colon, or upper-case.
const WORDS = [...RANKS.keys()].sort((one, other) => other.length - one.length).join("|");
const BRACKETED = new RegExp(`[\\[(<](${WORDS})[\\])>]`, "i");
const COLON = new RegExp(`(?:^|[\\s|])(${WORDS}):(?=\\s|$)`, "i");
const UPPER = new RegExp(`(?:^|[\\s|])(${WORDS.toUpperCase()})(?=[\\s|:,]|$)`);
const GUESSED_WITHIN = 64; // characters

/** @param {number} rank @returns {{rank: number, name: string, letter: string}} */
export function levelOf(rank) {
  return BY_RANK.get(rank) ?? LEVELS[0];
}

/** The rank of a name or of one of Python's numbers; null when it is neither. */
export function readLevel(value) {
  if (typeof value === "number") return value > 0 ? LEVELS.findLast(({ rank }) => value >= rank).rank : null;
  return typeof value === "string" ? (RANKS.get(value.trim().toLowerCase()) ?? null) : null;
}

/** The rank that the beginning of a raw line names, 0 for none; never that of a word in a sentence. */
export function guessLevel(text) {
  const start = text.slice(0, GUESSED_WITHIN);
  const found = BRACKETED.exec(start) ?? COLON.exec(start) ?? UPPER.exec(start);
  return found ? RANKS.get(found[1].toLowerCase()) : NONE;
}
