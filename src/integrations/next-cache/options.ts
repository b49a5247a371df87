import { checkFunction, checkOptions, describeGiven, knownOptions } from "../../core/calls.ts";
import type { Milliseconds } from "../../core/clock.ts";
import { type Duration, DURATION_EXPECTED, toMilliseconds } from "../../core/durations.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { type PrefixOption, toPrefix } from "../prefix-option.ts";

/** Options of {@link nextCacheHandler}. */
export interface NextCacheHandlerOptions extends PrefixOption {
  /** First part of the keys. @defaultValue `"next:"` */
  readonly prefix?: string | undefined;
  /** Maximum size of an entry, in bytes. A larger one is not stored. @defaultValue 8 000 000 */
  readonly maxBytes?: number | undefined;
  /**
   * Maximum time for which an entry is kept, however long Next lets it live. A new build has new
   * keys, and nothing else deletes those of the one before. `null`: no maximum.
   *
   * @defaultValue `"30d"`
   */
  readonly maxAge?: Duration | null | undefined;
  /**
   * Maximum time for which a request waits while another one, in any process, makes the entry that
   * it needs. After that it makes the entry itself. 0: it does not wait.
   *
   * @defaultValue `"5s"`
   */
  readonly maxWait?: Duration | undefined;
  /**
   * Called when the store fails, and when an entry is too large. The page is rendered all the same.
   *
   * @defaultValue a warning of the process
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** {@link NextCacheHandlerOptions}, checked and complete. */
export interface ResolvedNextCacheHandlerOptions {
  readonly prefix: string;
  readonly maxBytes: number;
  readonly maxAge: Milliseconds | null;
  readonly maxWait: Milliseconds;
  readonly onError: (error: unknown) => void;
}

const OPTIONS = knownOptions(
  "nextCacheHandler()",
  ["prefix", "maxBytes", "maxAge", "maxWait", "onError"],
  '{ prefix: "next:", maxWait: "5s" }',
  CacheUsageError,
);

/** @throws {CacheUsageError} */
export function resolveOptions(options: NextCacheHandlerOptions): ResolvedNextCacheHandlerOptions {
  checkOptions(options, OPTIONS);
  const { prefix, maxBytes = 8_000_000, maxAge = "30d", maxWait = "5s", onError = warn } = options;
  checkFunction(onError, '"onError" of nextCacheHandler()', CacheUsageError);
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1)
    throw wrong("maxBytes", "a number of bytes from 1", maxBytes);
  return {
    prefix: toPrefix("nextCacheHandler", { prefix }, "next:"),
    maxBytes,
    maxAge: maxAge === null ? null : toSpan("maxAge", maxAge, 1),
    maxWait: toSpan("maxWait", maxWait, 0),
    onError,
  };
}

function toSpan(name: string, given: Duration, least: Milliseconds): Milliseconds {
  const span = toMilliseconds(given);
  if (span !== undefined && span >= least) return span;
  throw wrong(name, `${DURATION_EXPECTED}, at least ${least} ms`, given);
}

function wrong(name: string, expected: string, given: unknown): CacheUsageError {
  return new CacheUsageError(
    `"${name}" of nextCacheHandler() has to be ${expected}, got ${describeGiven(given)}.`,
  );
}

function warn(error: unknown): void {
  process.emitWarning(
    `The cache of Next could not be used; the option onError of nextCacheHandler() gets such errors. ${String(error)}`,
    { type: "SojournWarning", code: "SOJOURN_NEXT_CACHE" },
  );
}
