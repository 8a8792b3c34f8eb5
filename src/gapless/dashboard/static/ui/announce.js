/** For those who listen to the page: losses at once, lines as a digest every few seconds and never one by one. */
import { counted } from "../core/format.js";
import * as settings from "../core/settings.js";
import { plain } from "../log/ansi.js";

const DIGEST_MS = 5_000;

export class Announcer {
  #polite;
  #assertive;
  #lines = 0;
  #errors = 0;
  #last = "";

  constructor(polite, assertive) {
    this.#polite = polite;
    this.#assertive = assertive;
    setInterval(() => this.#digest(), DIGEST_MS);
  }

  say(words) {
    this.#polite.textContent = words;
  }

  warn(words) {
    this.#assertive.textContent = words;
  }

  lines(number, errors, lastError) {
    this.#lines += number;
    this.#errors += errors;
    if (lastError) this.#last = lastError;
  }

  #digest() {
    const how = settings.get("announce");
    const worthIt = (how === "errors" && this.#errors > 0) || (how === "summary" && this.#lines > 0);
    if (worthIt) {
      const errors = this.#errors > 0 ? `${counted(this.#errors, "error")}: ${plain(this.#last).slice(0, 120)}` : "";
      this.say(how === "summary" ? [counted(this.#lines, "line"), errors].filter(Boolean).join(", ") : errors);
    }
    this.#lines = this.#errors = 0;
  }
}
