// Deeper than data usually is. Deeper or circular values go the slow way, which reports the
// problem.
const MAX_LEVELS = 50;

// An escaped surrogate (`\ud800` to `\udfff`) is a lone one, or the text of one. A search for a text
// costs 0.1 us a KB, a regular expression 0.6 us.
const SURROGATE = "\\ud";

/**
 * Writes the JSON of a value that `JSON.stringify` and {@link writeJson} write alike, without
 * changes or omissions: it is three times as fast.
 *
 * @returns `undefined` for all other values, whether or not JSON can hold them.
 */
export function stringifyOrdinary(value: unknown): string | undefined {
  if (!isOrdinary(value, 0)) return undefined;
  const text = JSON.stringify(value);
  return text.includes(SURROGATE) ? undefined : text;
}

function isOrdinary(value: unknown, level: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isInteger(value)
        ? Number.isSafeInteger(value) && !Object.is(value, -0)
        : Number.isFinite(value);
    case "object":
      return value === null || (level < MAX_LEVELS && isOrdinaryObject(value, level));
    default:
      return false;
  }
}

function isOrdinaryObject(object: object, level: number): boolean {
  if (Array.isArray(object)) return isOrdinaryArray(object, level);
  if (Object.getPrototypeOf(object) !== Object.prototype || Object.getOwnPropertySymbols(object).length > 0)
    return false;
  for (const key in object) {
    const member = (object as Record<string, unknown>)[key];
    if (member !== undefined && !isOrdinary(member, level + 1)) return false;
  }
  return true;
}

function isOrdinaryArray(array: readonly unknown[], level: number): boolean {
  if (Object.getPrototypeOf(array) !== Array.prototype || "toJSON" in array) return false;
  // Not every(), which skips holes.
  for (let index = 0; index < array.length; index++) {
    if (!isOrdinary(array[index], level + 1)) return false;
  }
  return true;
}
