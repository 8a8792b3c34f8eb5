/**
 * Where rows are, in pixels. Rows without a height of their own are all as high; otherwise heights are summed. Browsers
 * bound how high an element can be (Firefox gives one above about 17.9 million pixels no height at all), so beyond
 * a cap the scrollbar stands for more than it is long.
 */

export const CAP = 8_000_000; // pixels

/** From a scrollbar to the content, and back. */
export class Scale {
  /** @param {number} content @param {number} viewport pixels */
  constructor(content, viewport, cap = CAP) {
    this.content = content;
    this.viewport = viewport;
    this.spacer = Math.min(content, cap);
    const room = this.spacer - viewport;
    this.factor = content > cap && room > 0 ? (content - viewport) / room : 1;
  }

  /** @param {number} scrollTop */
  toContent(scrollTop) {
    return Math.max(0, Math.min(scrollTop * this.factor, this.last));
  }

  toScroll(offset) {
    return offset / this.factor;
  }

  /** The offset at which the end of the content is in view. */
  get last() {
    return Math.max(0, this.content - this.viewport);
  }
}

/** Lines that a text takes in so many columns, at most `most`. */
export function linesOf(text, columns, most) {
  let lines = 0;
  for (let at = 0; at <= text.length && lines < most; ) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    lines += Math.max(1, Math.ceil(widthOf(text, at, end) / columns));
    at = end + 1;
  }
  return Math.max(1, Math.min(lines, most));
}

/** In cells of a monospace font: what is wide in East Asia and emoji takes two. */
function widthOf(text, from, to) {
  let width = to - from;
  for (let at = from; at < to; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 9) width += 3;
    else if (code >= 0x1100 && isWide(code)) width += 1;
  }
  return width;
}

function isWide(code) {
  return (code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) || (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60);
}

/** Sums of heights, by which a place is found from an offset. Grows at the end; anything else is a new one. */
export class Heights {
  #sums = new Float64Array(1024);
  length = 0;

  get total() {
    return this.#sums[this.length];
  }

  push(height) {
    if (this.length + 1 >= this.#sums.length) {
      const larger = new Float64Array(this.#sums.length * 2);
      larger.set(this.#sums);
      this.#sums = larger;
    }
    this.#sums[this.length + 1] = this.#sums[this.length] + height;
    this.length += 1;
  }

  top(ordinal) {
    return this.#sums[Math.min(ordinal, this.length)];
  }

  /** The ordinal of what lies at this offset. */
  at(offset) {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sums[middle + 1] <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.min(low, Math.max(0, this.length - 1));
  }
}
