import { checkFunction, checkOptions, describeGiven, knownOptions } from "../../core/calls.ts";
import type { Milliseconds } from "../../core/clock.ts";
import { type Duration, DURATION_EXPECTED, toMilliseconds } from "../../core/durations.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { type PrefixOption, toPrefix } from "../prefix-option.ts";

/** Options of {@link nextCacheHandler}. */
export interface NextCacheHandlerOptions extends PrefixOption {
  /**
   * First part of the keys. The handlers of one application have to have the same, so that an
   * invalidation reaches functions, and the pages that are made of them, at once.
   *
   * @defaultValue `"next:"`
   */
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

/** Options of {@link nextIncrementalCacheHandler}. */
export interface NextIncrementalCacheHandlerOptions extends NextCacheHandlerOptions {
  /**
   * Name of the build, which is part of the keys of pages and route handlers. Processes share those
   * of the same build.
   *
   * @defaultValue the file `BUILD_ID` of the build
   */
  readonly buildId?: string | undefined;
}

/** {@link NextIncrementalCacheHandlerOptions}, checked and complete. */
export interface ResolvedNextIncrementalOptions extends ResolvedNextCacheHandlerOptions {
  readonly buildId: string | undefined;
}

/** Names of the options of both handlers. */
const SHARED = ["prefix", "maxBytes", "maxAge", "maxWait", "onError"] as const;

const OPTIONS = knownOptions(
  "nextCacheHandler()",
  SHARED,
  '{ prefix: "next:", maxWait: "5s" }',
  CacheUsageError,
);

const INCREMENTAL_OPTIONS = knownOptions(
  "nextIncrementalCacheHandler()",
  [...SHARED, "buildId"],
  '{ prefix: "next:", maxWait: "5s" }',
  CacheUsageError,
);

/** @throws {CacheUsageError} */
export function resolveOptions(options: NextCacheHandlerOptions): ResolvedNextCacheHandlerOptions {
  checkOptions(options, OPTIONS);
  return resolveShared("nextCacheHandler", options, "next:");
}

/** @throws {CacheUsageError} */
export function resolveIncrementalOptions(
  options: NextIncrementalCacheHandlerOptions,
): ResolvedNextIncrementalOptions {
  checkOptions(options, INCREMENTAL_OPTIONS);
  const call = "nextIncrementalCacheHandler";
  const { buildId, ...shared } = options;
  if (buildId !== undefined && (typeof buildId !== "string" || buildId === ""))
    throw wrong(call, "buildId", 'a text such as "2026-11-28"', buildId);
  return { ...resolveShared(call, shared, "next:"), buildId };
}

function resolveShared(
  call: string,
  options: NextCacheHandlerOptions,
  byDefault: string,
): ResolvedNextCacheHandlerOptions {
  const { prefix, maxBytes = 8_000_000, maxAge = "30d", maxWait = "5s", onError = warningOf(call) } = options;
  checkFunction(onError, `"onError" of ${call}()`, CacheUsageError);
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1)
    throw wrong(call, "maxBytes", "a number of bytes from 1", maxBytes);
  return {
    prefix: toPrefix(call, { prefix }, byDefault),
    maxBytes,
    maxAge: maxAge === null ? null : toSpan(call, "maxAge", maxAge, 1),
    maxWait: toSpan(call, "maxWait", maxWait, 0),
    onError,
  };
}

function toSpan(call: string, name: string, given: Duration, least: Milliseconds): Milliseconds {
  const span = toMilliseconds(given);
  if (span !== undefined && span >= least) return span;
  throw wrong(call, name, `${DURATION_EXPECTED}, at least ${least} ms`, given);
}

function wrong(call: string, name: string, expected: string, given: unknown): CacheUsageError {
  return new CacheUsageError(`"${name}" of ${call}() has to be ${expected}, got ${describeGiven(given)}.`);
}

function warningOf(call: string): (error: unknown) => void {
  return (error) =>
    process.emitWarning(
      `The cache of Next could not be used; the option onError of ${call}() gets such errors. ${String(error)}`,
      { type: "SojournWarning", code: "SOJOURN_NEXT_CACHE" },
    );
}
