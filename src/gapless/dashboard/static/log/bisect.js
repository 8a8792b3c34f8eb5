/** Places in numbers that ascend. */

/** The last place whose number is at most this, -1 when there is none; of equal ones the last. @param {number[]} numbers */
export function lastAtMost(numbers, most) {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= most) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The first place whose number is at least this, their length when there is none. @param {number[]} numbers */
export function firstAtLeast(numbers, least) {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

