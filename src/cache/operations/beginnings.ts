import type { Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import type { IncrementOptions, IncrementResult } from "../../stores/cache-store.ts";
import type { VersionOption } from "../options/cache-options.ts";
import { endsAtOnce, type Timeout } from "../options/timeouts.ts";

/** Options of `cache.incr`, `cache.decr` and their forms for many keys. */
export interface IncrOptions extends VersionOption {
  /**
   * Initial value of a missing counter, which is started with this and the `delta` in the same
   * step. An integer. @defaultValue none: a missing entry is a {@link CacheKeyNotFoundError}
   */
  readonly initial?: number | bigint | undefined;
  /**
   * Timeout of a new counter; an existing one keeps its time to live. Only with `initial`.
   *
   * @defaultValue the `timeout` of the settings
   */
  readonly timeout?: Timeout | undefined;
}

/** Start of a missing counter. */
export interface Beginning {
  readonly value: bigint;
  /** Options for the store: no counter to start, if it would expire at once. */
  readonly options: IncrementOptions;
}

/** @throws {CacheUsageError} */
export function toBeginning(
  { initial, timeout }: IncrOptions,
  delta: bigint,
  ttlOf: (timeout: Timeout | undefined) => Milliseconds | null,
): Beginning | undefined {
  if (initial === undefined) {
    if (timeout === undefined) return undefined;
    throw new CacheUsageError(
      '"timeout" of incr() applies to an entry that it creates. Add "initial", such as { initial: 0, timeout: 60 }; ' +
        "an existing entry keeps its time to live, which touch() sets.",
    );
  }
  const value = toInitial(initial) + delta;
  const ttl = ttlOf(timeout);
  if (!fits(value)) throw new CacheUsageError('"initial" and the delta have to fit into 64 bits together.');
  return { value, options: endsAtOnce(ttl) ? {} : { begin: { value: String(value), ttl } } };
}

/** Returns the sum of a counter that would start and expire at once. */
export function unlessBegun(result: IncrementResult, beginning: Beginning | undefined): IncrementResult {
  if (result.status !== "missing" || beginning === undefined) return result;
  return { status: "incremented", value: beginning.value };
}

function toInitial(initial: unknown): bigint {
  if (typeof initial === "number" && Number.isSafeInteger(initial)) return BigInt(initial);
  if (typeof initial === "bigint" && fits(initial)) return initial;
  throw new CacheUsageError(
    '"initial" of a counter has to be an integer (as a number, up to 2^53; as a bigint, of 64 bits), got ' +
      `${describeValue(initial)}.`,
  );
}

function fits(integer: bigint): boolean {
  return BigInt.asIntN(64, integer) === integer;
}
