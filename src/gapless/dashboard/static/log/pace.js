/** When a list is painted: in the next frame for what its reader does, some 25 times a second for what comes by itself. */

const PAUSE_MS = 40; // between two paints of what comes by itself

export class Pace {
  #frame = 0;
  #pause = 0;
  #paintedAt = -Infinity;
  #paint;

  /** @param {() => void} paint which calls `begin` */
  constructor(paint) {
    this.#paint = paint;
  }

  soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  /**
   * Rows came. Nobody reads them when they are others in each frame, and painting takes the time that reading the
   * next ones needs: under load the page would fall behind.
   */
  inTime() {
    if (this.#frame || this.#pause) return;
    const left = this.#paintedAt + PAUSE_MS - performance.now();
    if (left <= 0) this.soon();
    else this.#pause = setTimeout(() => this.soon(), left);
  }

  /** It is painted now, whoever asked for it. */
  begin() {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#pause);
    this.#frame = this.#pause = 0;
    this.#paintedAt = performance.now();
  }
}
