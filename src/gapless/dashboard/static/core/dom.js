/** Elements without markup: whatever is given as a child becomes a node or a text, never HTML. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties] DOM properties, and `data-` or `aria-` attributes; null is left out
 * @param {...(Node|string|null)} children null is left out
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

/** The element of the page with this id. */
export function find(id) {
  return document.getElementById(id);
}
