/** Text to the clipboard, also on plain http, where browsers have no `navigator.clipboard`. */

/** @returns {Promise<boolean>} whether it worked */
export async function copyText(text) {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // Not allowed: the old way may be.
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  area.setAttribute("aria-hidden", "true");
  const focused = /** @type {HTMLElement|null} */ (document.activeElement);
  const host = document.querySelector("dialog[open]") ?? document.body;
  host.append(area);
  area.select();
  let worked = false;
  try {
    worked = document.execCommand("copy");
  } catch {
    worked = false;
  }
  area.remove();
  focused?.focus?.();
  return worked;
}

/** Offer a text as a file. */
export function download(name, text, type = "text/plain;charset=utf-8") {
  saveBlob(name, new Blob([text], { type }));
}

/** Offer what a browser holds as a file. @param {string} name @param {Blob} blob */
export function saveBlob(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
