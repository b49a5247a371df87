import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import { isPlainObject } from "../../json/index.ts";

/** Values by their keys. */
export type ValuesByKey<Value> = ReadonlyMap<string, Value> | Readonly<Record<string, Value>>;

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
