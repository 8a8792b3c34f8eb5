/** What lies over the page and comes when it is wanted: menus, popovers, dialogs. Each gives the focus back when it closes. */
import { make } from "../core/dom.js";

let open = null;

/** Content beside a button, until a click elsewhere or Esc. A second click on the button closes it. */
export function popover(anchor, content, { label = "" } = {}) {
  const same = open?.anchor === anchor;
  closeLayer();
  if (same) return;
  const element = make("div", { className: "popover", role: "dialog", "aria-label": label, tabIndex: -1 }, content);
  document.body.append(element);
  const box = anchor.getBoundingClientRect();
  const above = box.top > innerHeight / 2;
  element.style.left = `${Math.max(8, Math.min(box.left, innerWidth - element.offsetWidth - 8))}px`;
  if (above) element.style.bottom = `${innerHeight - box.top + 6}px`;
  else element.style.top = `${box.bottom + 6}px`;
  element.style.maxHeight = `${(above ? box.top : innerHeight - box.bottom) - 16}px`;
  open = { anchor, element };
  anchor.setAttribute("aria-expanded", "true");
  /** @type {HTMLElement} */ (element.querySelector("button, input, select") ?? element).focus({ preventScroll: true });
  setTimeout(() => addEventListener("pointerdown", onOutside, true));
}

/** @returns {boolean} was there one? */
export function closeLayer() {
  if (!open) return false;
  const { anchor, element } = open;
  open = null;
  removeEventListener("pointerdown", onOutside, true);
  const hadFocus = element.contains(document.activeElement);
  element.remove();
  anchor.setAttribute("aria-expanded", "false");
  if (hadFocus) anchor.focus({ preventScroll: true });
  return true;
}

/** Things to do, beside a button as a popover. @param {([string, () => void, string?]|null)[]} items null: a line */
export function menuBeside(anchor, items, label) {
  popover(anchor, menu(items), { label });
}

function menu(items) {
  const list = make("div", { className: "menu", role: "menu" });
  for (const item of items) {
    if (item === null) {
      list.append(make("hr"));
      continue;
    }
    const [label, act, note = ""] = item;
    const run = () => (closeLayer(), act());
    list.append(make("button", { type: "button", role: "menuitem", onclick: run }, make("span", {}, label), make("span", { className: "muted" }, note)));
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...list.querySelectorAll("button")];
    buttons[(buttons.findIndex((each) => each === document.activeElement) + step + buttons.length) % buttons.length].focus();
  });
  return list;
}

/** A modal dialog with a title. */
export function dialog(title, content, { wide = false } = {}) {
  const close = make("button", { type: "button", className: "icon", "aria-label": "Close", onclick: () => element.close() }, "✕");
  const element = make("dialog", { className: wide ? "wide" : "", "aria-label": title }, make("header", {}, make("h2", {}, title), close), make("div", { className: "dialog-body", tabIndex: 0 }, content));
  element.onclose = () => element.remove();
  // A handler that returned false would keep buttons and boxes in it from doing what they do.
  element.addEventListener("click", (event) => event.target === element && element.close());
  document.body.append(element);
  element.showModal();
  return element;
}

function onOutside(event) {
  if (!open || open.element.contains(event.target) || open.anchor.contains(event.target)) return;
  closeLayer();
}
