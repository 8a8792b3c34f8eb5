/** What a reader chose for every visit: kept by the browser where it lets us, and for this page in any case. */

const KEY = "gapless.settings";
const DEFAULTS = {
  theme: "system", // system, dark, light
  density: "normal", // compact, normal, roomy
  wrap: false,
  fold: false, // rows that repeat one another
  time: "clock",
  zone: "", // of the browser; else a name, "Europe/Berlin"
  colours: true, // of ANSI
  fields: true, // beside, or below, the message
  histogram: true,
  facets: true,
  singleKeys: true,
  announce: "errors", // off, errors, summary
  maxRows: 200_000,
  maxMegabytes: 64,
  drawerWidth: 420,
  pauseHidden: 60, // seconds; Infinity is written as 0
};

const listeners = new Set();
const values = { ...DEFAULTS, ...stored() };

export function get(name) {
  return values[name];
}

export function set(name, value) {
  if (values[name] === value) return;
  values[name] = value;
  const changed = Object.entries(values).filter(([key, each]) => each !== DEFAULTS[key]);
  keep(KEY, JSON.stringify(Object.fromEntries(changed)));
  for (const listener of listeners) listener(name, value);
}

/** @param {(name: string, value: any) => void} listener */
export function onChange(listener) {
  listeners.add(listener);
}

/** The next of some choices. */
export function cycle(name, choices) {
  const value = choices[(choices.indexOf(values[name]) + 1) % choices.length];
  set(name, value);
  return value;
}

function stored() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return Object.fromEntries(Object.entries(found).filter(([name, value]) => typeof value === typeof DEFAULTS[name]));
  } catch {
    return {}; // not allowed here, or not ours
  }
}

function keep(key, text) {
  try {
    localStorage.setItem(key, text);
  } catch {
    // Private windows and full stores: it holds for this page.
  }
}
