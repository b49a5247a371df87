import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";

/**
 * Returns a checked delta: its negative, too, fits into the 64 bits of the stores' counters.
 *
 * @throws {CacheUsageError}
 */
export function toDelta(delta: unknown): bigint {
  if (
    typeof delta === "bigint" &&
    BigInt.asIntN(64, delta) === delta &&
    BigInt.asIntN(64, -delta) === -delta
  ) {
    return delta;
  }
  if (typeof delta === "number" && Number.isSafeInteger(delta)) return BigInt(delta);
  throw new CacheUsageError(
    `The delta of a counter has to be an integer (as a number, up to 2^53; as a bigint, of 64 bits), got ${describeValue(delta)}.`,
  );
}
