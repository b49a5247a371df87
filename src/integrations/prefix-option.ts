import { checkOptions, knownOptions } from "../core/calls.ts";
import { CacheUsageError } from "../core/errors.ts";
import { describeValue } from "../core/settings.ts";

/** Option of integrations that name their entries themselves. */
export interface PrefixOption {
  /** First part of the keys in the cache. Integrations with the same prefix share their entries. */
  readonly prefix?: string | undefined;
}

/** Checks the options of an integration. @returns The prefix. @throws {CacheUsageError} */
export function toPrefix(call: string, options: PrefixOption, byDefault: string): string {
  checkOptions(options, knownOptions(`${call}()`, ["prefix"], '{ prefix: "api:" }', CacheUsageError));
  const { prefix = byDefault } = options;
  if (typeof prefix === "string" && prefix !== "" && prefix.isWellFormed()) return prefix;
  throw new CacheUsageError(
    `The prefix of ${call}() has to be a text such as "api:", got ${describeValue(prefix)}.`,
  );
}
