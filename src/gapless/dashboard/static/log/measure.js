/** How the list is laid out at the width that it has: heights of rows, widths of columns. */

const HEIGHTS = { compact: 18, normal: 20, roomy: 26 };
const NARROW = 480; // pixels: rows in two lines
const TIME_CHARACTERS = { clock: 12, utc: 12, relative: 8, delta: 10, iso: 24 };
let cell = 0; // width of one character of the list, in pixels

/**
 * @param {HTMLElement} element of the panel
 * @param {{wrap: boolean, density: string, small: boolean, store: import("./store.js").Store, time: string, columns: number,
 *   fields: boolean}} how `columns`: characters that columns of fields take; `fields`: are the others shown?
 * @returns {import("./places.js").Layout}
 */
export function measured(element, { wrap, density, small, store, time, columns, fields }) {
  const width = element.clientWidth;
  const narrow = width > 0 && width < NARROW;
  cell ||= cellWidth(element);
  const logger = store.loggers.longest(small || width < 1_000 ? 16 : 24);
  const channel = narrow || width >= 1_000 ? 16 : 12;
  element.style.setProperty("--time-width", `${TIME_CHARACTERS[time]}ch`);
  element.style.setProperty("--logger-width", `${logger}ch`);
  element.style.setProperty("--channel-width", `${Math.min(channel, store.channels.longest(channel))}ch`);
  element.classList.toggle("narrow", narrow);
  element.classList.toggle("wrapped", wrap || narrow);
  element.classList.toggle("no-fields", !fields);
  element.classList.toggle("no-logger", logger === 0);
  const row = HEIGHTS[density];
  if (narrow) return { row: 22, line: 18, wrap: true, columns: Math.floor((width - 26) / cell), meta: 20, most: 3, channel, fields: fields ? "below" : "" };
  const many = store.channels.isMany ? Math.min(channel, store.channels.longest(channel)) + 1 : 0;
  // Padding and the level are in pixels, the other columns and the space behind each in characters.
  const taken = 12 + 16 + 26 + 1 + (TIME_CHARACTERS[time] + 2 + many + (logger ? logger + 1 : 0) + columns) * cell;
  element.style.setProperty("--row-height", `${row}px`);
  return { row, line: 18, wrap, columns: Math.max(20, Math.floor((width - taken) / cell)), meta: 0, most: 12, channel, fields: fields ? "beside" : "" };
}

function cellWidth(element) {
  const probe = document.createElement("span");
  probe.className = "probe";
  probe.textContent = "0".repeat(100);
  element.append(probe);
  const width = probe.getBoundingClientRect().width / 100;
  probe.remove();
  return width || 7.5;
}
