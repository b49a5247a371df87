import { checkFunction } from "../../core/calls.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { checkCallOptions } from "../options/cache-calls.ts";
import type { VersionOption } from "../options/cache-options.ts";
import type { LoadContext, LoadOptions } from "./load-options.ts";

/** Options of `cache.memoize`. A memoized function has no `signal`, since its calls share loads. */
export interface MemoizeOptions<Args extends readonly unknown[]> extends Omit<LoadOptions, "signal"> {
  /** Returns the key of the entry with the result of these arguments. */
  readonly key: (...args: Args) => string;
}

/** A function that keeps its results in a cache. */
export interface Memoized<Args extends readonly unknown[], Value> {
  (...args: Args): Promise<Value>;
  /** Returns the key under which the result of these arguments is kept. */
  key(...args: Args): string;
  /** Deletes the result of these arguments. @returns Whether there was one. */
  delete(...args: Args): Promise<boolean>;
}

/** A function of the load's context, which a memoized function returns in place of a value. */
export type ContextLoader<Value = unknown> = (context: LoadContext) => Value | Promise<Value>;

/** Value of a function, returned directly or by a function of the load's context. */
export type MemoizedValue<Load extends (...args: never) => unknown> =
  Awaited<ReturnType<Load>> extends ContextLoader<infer Value> ? Awaited<Value> : Awaited<ReturnType<Load>>;

/** Methods of a cache that {@link memoize} uses. */
export interface MemoizingCache {
  getOrSet<Value>(
    key: string,
    load: (context: LoadContext) => Promise<Value>,
    options: LoadOptions,
  ): Promise<Value>;
  delete(key: string, options: VersionOption): Promise<boolean>;
}

/** See `cache.memoize`. */
export function memoize<Load extends (...args: never) => unknown>(
  cache: MemoizingCache,
  load: Load,
  given: MemoizeOptions<Parameters<Load>>,
): Memoized<Parameters<Load>, MemoizedValue<Load>> {
  checkFunction(load, "The first argument of memoize()", CacheUsageError);
  checkCallOptions(given, "memoize");
  const { key, ...options } = given;
  checkFunction(key, 'The option "key" of memoize()', CacheUsageError);
  type Args = Parameters<Load>;
  const run = load as unknown as (...args: Args) => unknown;
  const memoized = (...args: Args): Promise<MemoizedValue<Load>> =>
    cache.getOrSet(
      key(...args),
      async (context) => {
        const made = await run(...args);
        // No value is a function: JSON has none.
        return (
          typeof made === "function" ? await (made as ContextLoader)(context) : made
        ) as MemoizedValue<Load>;
      },
      options,
    );
  return Object.assign(memoized, {
    key,
    delete: (...args: Args): Promise<boolean> => cache.delete(key(...args), { version: options.version }),
  });
}
