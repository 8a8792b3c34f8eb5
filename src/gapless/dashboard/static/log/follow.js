/**
 * Whether the list follows its end. Only the reader stops or resumes it: a wheel, a touch, a key or the scrollbar.
 * What the program scrolls, adds or takes away never does.
 */

const NEAR_PX = 4; // from the end, to count as there
const INTENT_MS = 1_500; // a scroll this soon after a wheel, key or touch is the reader's

export class Follow {
  following = true;
  /** Why it stopped: "scrolled", "selecting", "reading", "you". */
  reason = "";
  /** @type {(following: boolean) => void} */
  onChange = () => {};
  #scroller;
  #intendedAt = -Infinity;
  #held = false; // the scrollbar, or a finger

  /** @param {HTMLElement} scroller */
  constructor(scroller) {
    this.#scroller = scroller;
    const hold = (held) => () => (this.intend(), (this.#held = held));
    for (const type of ["wheel", "touchmove"]) scroller.addEventListener(type, () => this.intend(), { passive: true });
    scroller.addEventListener("pointerdown", hold(true));
    for (const type of ["pointerup", "pointercancel"]) addEventListener(type, hold(false));
    document.addEventListener("selectionchange", () => this.#onSelection());
  }

  /** What scrolls now is the reader's doing. */
  intend() {
    this.#intendedAt = performance.now();
  }

  /** The list was scrolled; was it by the reader, and where to? */
  onScroll(distanceFromEnd) {
    if (!this.#held && performance.now() - this.#intendedAt > INTENT_MS) return false;
    const atEnd = distanceFromEnd <= NEAR_PX;
    if (atEnd && !this.following && this.reason !== "selecting") this.resume();
    else if (!atEnd) this.pause("scrolled");
    return true;
  }

  pause(reason = "you") {
    if (!this.following) return;
    this.following = false;
    this.reason = reason;
    this.onChange(false);
  }

  resume() {
    this.#intendedAt = -Infinity;
    if (this.following) return;
    const selection = selectionIn(this.#scroller);
    if (this.#scroller.contains(selection.anchorNode)) selection.empty();
    this.following = true;
    this.reason = "";
    this.onChange(true);
  }

  #onSelection() {
    const selection = selectionIn(this.#scroller);
    if (!selection.isCollapsed && this.#scroller.contains(selection.anchorNode)) this.pause("selecting");
  }
}

/** What is selected, also where the list stands in a shadow tree. */
export function selectionIn(element) {
  return element.getRootNode().getSelection?.() ?? document.getSelection();
}
