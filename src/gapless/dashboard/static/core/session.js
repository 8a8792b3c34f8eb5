/** The first question, asked before the rest of the page is read: the answer comes meanwhile. */
import { Api } from "./api.js";
import { meta } from "./dom.js";

/** Where the hub is mounted. */
export const base = new URL(meta("gapless-base") || "..", new URL("../app.js", import.meta.url));
export const api = new Api(base);
/** What the server says of itself and us; null when it says nothing. */
export const session = api.session().catch(() => null); // an older server: the first call tells
