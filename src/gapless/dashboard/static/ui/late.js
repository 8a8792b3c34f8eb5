/** Modules that come when something needs them, and not with the page; so does the style of what they show. */
import { make } from "../core/dom.js";
import { note } from "./note.js";

/** The stylesheets; `coming` once they are asked for. */
const STYLES = [new URL("../css/around.css", import.meta.url), new URL("../css/pages.css", import.meta.url)].map(({ href }) => ({ href, coming: null }));

/**
 * @template T
 * @param {() => Promise<T>} load its `import(…)`
 * @returns {Promise<T|null>} null: it did not come, and the page says so; the next use asks for it again
 */
export async function late(load) {
  try {
    return await withStyle(load());
  } catch (error) {
    console.warn(error); // most likely the server was replaced by one with other files, or is away
    note("This part of the page could not be loaded: the server may be away, or of another version.", "warning", ["Reload", () => location.reload()]);
    return null;
  }
}

/** The module, once there is the style of what it shows, too. @template T @param {Promise<T>} loading @returns {Promise<T>} */
export async function withStyle(loading) {
  const [module] = await Promise.all([loading, ...STYLES.map(styled)]);
  return module;
}

function styled(style) {
  return (style.coming ??= new Promise((resolve, reject) => {
    const link = make("link", { rel: "stylesheet", href: style.href, onload: resolve });
    link.onerror = () => {
      link.remove();
      style.coming = null; // the next use asks for it again
      reject(new Error(`${style.href} did not come`));
    };
    document.head.append(link);
  }));
}
