/** The first question, asked before the rest of the page is read: the answer comes meanwhile. */
import { Api } from "./api.js";
import { meta } from "./dom.js";

/** Where the hub is mounted. */
export const base = new URL(meta("gapless-base") || "..", new URL("../app.js", import.meta.url));
export const api = new Api(base);
const PATIENCE_MS = 5_000; // then the page begins without
const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, null));
/** What the server says of itself and us; null when it says nothing. */
export const session = Promise.race([api.session(), late]).catch(() => null); // an older server: the first call tells
