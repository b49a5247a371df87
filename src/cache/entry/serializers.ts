import { parseJson, readTagged, writeJson, writeTagged } from "../../json/index.ts";

/**
 * Turns values into text and back. A cache takes any object with these two methods; both are synchronous.
 *
 * Text of digits alone (and a minus sign) is an integer for `incr`, and for Python.
 */
export interface CacheSerializer {
  /**
   * @param path How messages name the value, such as `value` or `values.cart`.
   * @returns Well-formed text. Bytes have to be put into text, for example in base64.
   * @throws When it cannot hold the value. Nothing is written then.
   */
  dump(value: unknown, path: string): string;

  /**
   * Builds the value anew. `undefined` is no value: it means a miss everywhere else.
   *
   * @throws When it cannot read the text: the entry is taken for corrupt. Only the message of a `SyntaxError`
   *   is shown, so that should have nothing of the text in it.
   */
  load(stored: string): unknown;
}

/** {@link CacheSerializer} whose `dump` can do without a path. */
export interface NamingSerializer extends CacheSerializer {
  /** @param path How messages name the value. @defaultValue `"value"` */
  dump(value: unknown, path?: string): string;
}

/**
 * Strict JSON, the default. Python's `json` reads and writes the same: `NaN`, infinities and integers beyond
 * 2^53 (as bigint) are read; what JSON cannot hold exactly is refused with `NotJsonError`.
 */
export const JsonSerializer: NamingSerializer = {
  dump: (value, path = "value") => writeJson(value, path),
  load: parseJson,
};

/**
 * JSON in which `Date`, `Map`, `Set`, bigint, bytes, undefined inside of a value, `NaN`, -0 and the objects
 * of Temporal come back as they were. Other readers see them as objects with one key, such as
 * `{"$date":"2026-04-17T12:30:45.120Z"}`; what is plain JSON is written as such.
 */
export const TaggedJsonSerializer: NamingSerializer = {
  dump: (value, path = "value") => writeTagged(value, path),
  load: readTagged,
};

/** Whether something has the form of a {@link CacheSerializer}, for checks of settings. */
export function isCacheSerializer(input: unknown): input is CacheSerializer {
  if (typeof input !== "object" || input === null) return false;
  const { dump, load } = input as Partial<CacheSerializer>;
  return typeof dump === "function" && typeof load === "function";
}
