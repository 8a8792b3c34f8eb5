/** Elements without markup: whatever is given as a child becomes a node or a text, never HTML. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties] DOM properties, and `data-` or `aria-` attributes; null is left out
 * @param {...(Node|string|null)} children null is left out
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** What stands in a `<meta>` of the page, "" without one. @param {string} name */
export function meta(name) {
  return document.querySelector(`meta[name="${name}"]`)?.getAttribute("content") ?? "";
}

/** The element of the page with this id, of the kind that the page says. @returns {any} */
export function find(id) {
  return document.getElementById(id);
}

/** Is it drawn on a dark ground, by the reader's choice or the system's? */
export function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
}

