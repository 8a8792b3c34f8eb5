/** Choosing rows by dragging out of the list, and what copying gives of those that are chosen or selected. */
import { keyOf } from "./clicking.js";
import { toText } from "./copying.js";
import { selectionIn } from "./follow.js";

/** @param {import("./panel.js").Panel} panel */
export function listenToSelection({ scroller, list, follow, view, store, reader }) {
  let pressed = null;
  scroller.addEventListener("pointerdown", (event) => {
    pressed = event.button === 0 && event.pointerType === "mouse" ? keyOf(event.target) : null;
  });
  addEventListener("pointermove", (event) => {
    if (pressed === null || event.buttons !== 1) return;
    const box = scroller.getBoundingClientRect();
    const beyond = event.clientY < box.top ? event.clientY - box.top : event.clientY > box.bottom ? event.clientY - box.bottom : 0;
    if (beyond === 0 || selectionIn(scroller).isCollapsed) return;
    // What is selected would leave the document with its rows: from here on rows are chosen.
    follow.pause("selecting");
    list.scrollBy(beyond);
    list.paint();
    const seen = list.inSight;
    if (seen) reader.chooseTo(pressed, beyond < 0 ? seen[0] : seen[1]);
  });
  addEventListener("pointerup", () => {
    if (pressed !== null && list.range) selectionIn(scroller).empty();
    pressed = null;
  });
  document.addEventListener("copy", (event) => {
    const selection = selectionIn(scroller);
    if (list.range) {
      const [from, to] = list.range.map((key) => view.ordinalOf(key));
      event.clipboardData.setData("text/plain", toText(view, store, [from, to]));
      event.preventDefault();
      return;
    }
    if (selection.isCollapsed || !scroller.contains(selection.anchorNode) || !scroller.contains(selection.focusNode)) return;
    const keys = [selection.anchorNode, selection.focusNode].map((node) => keyOf(node.nodeType === 1 ? node : node.parentElement));
    if (keys.includes(null) || keys[0] === keys[1]) return; // within a row it is the text that is selected
    const [from, to] = keys.map((key) => view.ordinalOf(key)).sort((one, other) => one - other);
    event.clipboardData.setData("text/plain", toText(view, store, [from, to]));
    event.preventDefault();
  });
}
