/** Views that were saved: a name, and the address that leads there. Kept by the browser. */

const KEY = "gapless.views";
const MAX_VIEWS = 50;
const MAX_NAME = 80; // characters

/** @returns {{name: string, hash: string}[]} in the order in which they were saved */
export function savedViews() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return found.filter(({ name, hash }) => typeof name === "string" && /^#\//.test(hash));
  } catch {
    return []; // not allowed here, or not ours
  }
}

/** One of a name: the newest. @returns {boolean} whether the browser keeps it */
export function saveView(name, hash) {
  const short = name.trim().slice(0, MAX_NAME);
  return short !== "" && keep([...savedViews().filter((view) => view.name !== short), { name: short, hash }].slice(-MAX_VIEWS));
}

export function removeView(name) {
  return keep(savedViews().filter((view) => view.name !== name));
}

function keep(views) {
  try {
    localStorage.setItem(KEY, JSON.stringify(views));
    return true;
  } catch {
    return false;
  }
}
