import { CacheCorruptError, CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import { isPlainObject, rawValue, readJson } from "../../json/index.ts";
import type { EntryKey } from "../keys/keys.ts";

/**
 * Parses a stored text: JSON, including Python's `NaN`, infinities and large integers. Each call
 * builds a new value.
 *
 * @throws {CacheCorruptError} When it is not JSON.
 */
export function readValue(text: string, { key }: EntryKey): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new CacheCorruptError(key, cause instanceof SyntaxError ? cause.message : "it is not JSON", {
      cause,
    });
  }
}

function parse(text: string): unknown {
  const raw = rawValue(text);
  if (!raw.isPlain) return readJson(raw);
  try {
    return readJson(raw);
  } catch {
    // JSON.parse quotes the text in its message. The lossless reader reports the position only.
    return readJson({ text, isPlain: false });
  }
}

/**
 * Returns the values to store, by their keys.
 *
 * @throws {CacheUsageError} When they are neither an object nor a Map.
 */
export function entriesOf(values: unknown): (readonly [string, unknown])[] {
  if (values instanceof Map) return [...(values as Map<string, unknown>)];
  if (isPlainObject(values)) return Object.entries(values);
  throw new CacheUsageError(
    `Expected an object, or a Map, of values by their keys, got ${describeValue(values)}.`,
  );
}
