import { checkOptions, knownOptions } from "../core/calls.ts";
import { CacheUsageError } from "../core/errors.ts";
import { describeValue } from "../core/settings.ts";

/** Options of stores for other libraries' limiters. */
export interface LimitStoreOptions {
  /** First part of the keys in the cache. Limiters with the same prefix share their counts. */
  readonly prefix?: string | undefined;
}

/** Checks the options of a store. @returns The prefix. @throws {CacheUsageError} */
export function toPrefix(call: string, options: LimitStoreOptions, byDefault: string): string {
  checkOptions(options, knownOptions(`${call}()`, ["prefix"], '{ prefix: "api:" }', CacheUsageError));
  const { prefix = byDefault } = options;
  if (typeof prefix === "string" && prefix !== "" && prefix.isWellFormed()) return prefix;
  throw new CacheUsageError(
    `The prefix of ${call}() has to be a text such as "api:", got ${describeValue(prefix)}.`,
  );
}
