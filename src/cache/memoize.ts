import type { VersionOption } from "./cache-options.ts";
import type { LoadOptions } from "./load-options.ts";

/** Options of `cache.memoize`. */
export interface MemoizeOptions<Args extends readonly unknown[]> extends LoadOptions {
  /** The key of the entry with the result of these arguments. */
  readonly key: (...args: Args) => string;
}

/** A function that keeps its results in a cache. */
export interface Memoized<Args extends readonly unknown[], Value> {
  (...args: Args): Promise<Value>;
  /** The key under which the result of these arguments is kept. */
  key(...args: Args): string;
  /** Forgets the result of these arguments. @returns Whether there was one. */
  delete(...args: Args): Promise<boolean>;
}

/** What {@link memoize} needs of a cache. */
export interface MemoizingCache {
  getOrSet<Value>(key: string, load: () => Value | Promise<Value>, options: LoadOptions): Promise<Value>;
  delete(key: string, options: VersionOption): Promise<boolean>;
}

/** See `cache.memoize`. */
export function memoize<Load extends (...args: never) => unknown>(
  cache: MemoizingCache,
  load: Load,
  { key, ...options }: MemoizeOptions<Parameters<Load>>,
): Memoized<Parameters<Load>, Awaited<ReturnType<Load>>> {
  type Args = Parameters<Load>;
  const run = load as unknown as (...args: Args) => Awaited<ReturnType<Load>>;
  const memoized = (...args: Args) => cache.getOrSet(key(...args), () => run(...args), options);
  return Object.assign(memoized, {
    key,
    delete: (...args: Args): Promise<boolean> => cache.delete(key(...args), { version: options.version }),
  });
}
