/** Rows of neighbouring keys, in columns: what a store is made of. */
export const SEGMENT = 4_096; // rows
export const FLAG = { GUESSED: 1, LATE: 2, FIELDS: 4, EXCEPTION: 8, WIDE: 16, LINES: 32, FRESH: 64, MARKED: 128 };

/** Rows of neighbouring keys. */
export class Segment {
  count = 0;
  bytes = 0;
  firstTime = Infinity;
  lastTime = -Infinity;
  errors = 0;

  /** @param {number} start its first key @param {number} capacity */
  constructor(start, capacity) {
    this.start = start;
    this.capacity = capacity;
    this.message = [];
    this.rest = [];
    this.time = new Float64Array(capacity); // NaN: unknown
    this.offset = new Float64Array(capacity); // 0: none
    this.level = new Uint8Array(capacity);
    this.stream = new Uint16Array(capacity);
    this.logger = new Uint16Array(capacity);
    this.source = new Uint16Array(capacity);
    this.messageKey = new Uint8Array(capacity);
    this.flags = new Uint8Array(capacity);
  }

  get end() {
    return this.start + this.count;
  }
}

/** Is the message of a row all that it says, an object or a list as JSON? @param {Segment} segment @param {number} index */
export function isWhole({ message, rest }, index) {
  const first = message[index][0];
  return (first === "{" || first === "[") && rest[index] === message[index];
}
