/** Modules that come when something needs them, and not with the page. */
import { note } from "./layers.js";

/**
 * @template T
 * @param {() => Promise<T>} load its `import(…)`
 * @returns {Promise<T|null>} null: it did not come, and the page says so; the next use asks for it again
 */
export async function late(load) {
  try {
    return await load();
  } catch (error) {
    console.warn(error); // most likely the server was replaced by one with other files, or is away
    note("This part of the page could not be loaded: the server may be away, or of another version.", "warning", ["Reload", () => location.reload()]);
    return null;
  }
}
