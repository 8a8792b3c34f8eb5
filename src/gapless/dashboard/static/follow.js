/**
 * Whether the list follows its end. Only the reader stops or resumes it: what the program scrolls, adds or
 * takes away never does, and while the reader reads nothing moves.
 */

const NEAR_PX = 4; // from the end, to count as there
const INTENT_MS = 1_500; // a scroll this soon after a wheel, key or touch is the reader's
const KEYS = new Set(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", " "]);

export class Follow {
  following = true;
  #scroller;
  #onChange;
  #intendedAt = -Infinity;
  #held = false; // the scrollbar, or a finger

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} content that grows within it
   * @param {(following: boolean) => void} onChange
   */
  constructor(scroller, content, onChange) {
    this.#scroller = scroller;
    this.#onChange = onChange;
    const intend = () => (this.#intendedAt = performance.now());
    const hold = (held) => () => (intend(), (this.#held = held));
    for (const type of ["wheel", "touchmove"]) scroller.addEventListener(type, intend, { passive: true });
    scroller.addEventListener("keydown", (event) => KEYS.has(event.key) && intend());
    scroller.addEventListener("pointerdown", hold(true));
    for (const type of ["pointerup", "pointercancel"]) addEventListener(type, hold(false));
    scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    document.addEventListener("selectionchange", () => this.#onSelection());
    const resized = new ResizeObserver(() => this.following && this.pin());
    for (const element of [scroller, content]) resized.observe(element);
  }

  /** To the end, at once. */
  pin() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  pause() {
    this.#set(false);
  }

  resume() {
    document.getSelection().empty();
    this.#set(true);
    this.pin();
  }

  #set(following) {
    if (this.following === following) return;
    this.following = following;
    this.#onChange(following);
  }

  #onScroll() {
    if (!this.#held && performance.now() - this.#intendedAt > INTENT_MS) return;
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const atEnd = scrollHeight - scrollTop - clientHeight <= NEAR_PX;
    if (atEnd !== this.following) this.#set(atEnd);
  }

  #onSelection() {
    const selection = document.getSelection();
    if (!selection.isCollapsed && this.#scroller.contains(selection.anchorNode)) this.pause();
  }
}
