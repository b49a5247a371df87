import { parseJson, readTagged, writeJson, writeTagged } from "../../json/index.ts";

/**
 * Turns values into text and back. A cache takes any object with these two methods; both are
 * synchronous.
 *
 * Text of digits alone (and a minus sign) is an integer for `incr`, and for Python.
 */
export interface CacheSerializer {
  /**
   * @param path Name of the value in messages, such as `value` or `values.cart`.
   * @returns Well-formed text. Bytes have to be encoded as text, for example in base64.
   * @throws When it cannot hold the value. Nothing is written then.
   */
  dump(value: unknown, path: string): string;

  /**
   * Builds a new value. `undefined` is not a value: everywhere else it means a miss.
   *
   * @throws When it cannot read the text: the entry counts as corrupt. Only the message of a
   *   `SyntaxError` is shown, so that message should contain nothing of the text.
   */
  load(stored: string): unknown;
}

/** {@link CacheSerializer} whose `dump` has an optional path. */
export interface NamingSerializer extends CacheSerializer {
  /** @param path Name of the value in messages. @defaultValue `"value"` */
  dump(value: unknown, path?: string): string;
}

/**
 * Strict JSON, the default. It is compatible with Python's `json`: `NaN`, infinities and integers
 * beyond 2^53 (as bigint) are read. Values that JSON cannot hold exactly are refused with
 * `NotJsonError`.
 */
export const JsonSerializer: NamingSerializer = {
  dump: (value, path = "value") => writeJson(value, path),
  load: parseJson,
};

/**
 * JSON in which `Date`, `Map`, `Set`, bigint, bytes, undefined inside of a value, `NaN`, -0 and the
 * objects of Temporal survive a round trip. Other readers see them as objects with one key, such as
 * `{"$date":"2026-04-17T12:30:45.120Z"}`; plain JSON is written unchanged.
 */
export const TaggedJsonSerializer: NamingSerializer = {
  dump: (value, path = "value") => writeTagged(value, path),
  load: readTagged,
};

/** Returns whether a value has the form of a {@link CacheSerializer}, for checks of settings. */
export function isCacheSerializer(input: unknown): input is CacheSerializer {
  if (typeof input !== "object" || input === null) return false;
  const { dump, load } = input as Partial<CacheSerializer>;
  return typeof dump === "function" && typeof load === "function";
}
