/** The query language, as far as a list needs it. It comes with the first query. */
import { pathsIn, toHighlights, toMatcher } from "./match.js";
import { hasPattern, patient } from "./patience.js";
import { parseQuery, QueryError } from "./query.js";

export { QueryError, hasPattern, pathsIn, patient, toHighlights, toMatcher };

/** @param {boolean} regex is all of it one regular expression? @returns {any} its node, or the QueryError */
export function read(text, regex) {
  try {
    return parseQuery(regex && text.trim() ? `/${text.trim().replaceAll("/", "\\/")}/` : text);
  } catch (error) {
    if (error instanceof QueryError) return error;
    throw error;
  }
}
