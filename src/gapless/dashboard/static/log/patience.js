/** Tests of rows that may take too long: an expression that goes back and forth within a line is given up, and told. */

export const WITHIN_MS = 50; // for one row

/** Is there a regular expression in this query? Words and fields are never slow. */
export function hasPattern(node) {
  if (node.kind === "not") return hasPattern(node.part);
  if (node.kind === "match") return node.value.kind === "regex";
  if (node.kind === "field") return node.values.some(({ kind }) => kind === "regex");
  return (node.parts ?? []).some(hasPattern);
}

/**
 * The same test, until it was slow once: from then on it lets every row pass.
 * @param {(segment: object, index: number) => boolean} test
 * @param {(milliseconds: number) => void} onSlow told once
 */
export function patient(test, onSlow, now = () => performance.now()) {
  let isGivenUp = false;
  return (segment, index) => {
    if (isGivenUp) return true;
    const began = now();
    const passes = test(segment, index);
    const took = now() - began;
    if (took <= WITHIN_MS) return passes;
    isGivenUp = true;
    onSlow(took);
    return true;
  };
}
