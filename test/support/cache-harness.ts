import type { Cache, CacheEvents, CacheSettings } from "../../src/cache/index.ts";
import { createCaches } from "../../src/cache/index.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import type { CacheStore } from "../../src/stores/cache-store.ts";
import { memoryCacheStore } from "../../src/stores/memory/index.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { anyDeadline } from "./any-deadline.ts";
import { recordCalls } from "./recorded-calls.ts";

export { anyDeadline } from "./any-deadline.ts";

/** A cache on a store that the test can look into, with a clock that it moves. */
export interface CacheHarness {
  readonly cache: Cache;
  readonly clock: ManualClock;
  readonly store: CacheStore;
  /** The events `corrupt`. */
  readonly events: CacheEvents["corrupt"][];
  /** Names of the store's methods in the order of their calls. */
  readonly calls: string[];
  /** The text under a whole key, as another program would read it. */
  raw(wholeKey: string): Promise<string | undefined>;
  /** Writes a text under a whole key, as another program would. */
  putRaw(wholeKey: string, text: string): Promise<void>;
  /** Another cache on the same store: another process, or another version of the settings. */
  other(settings?: Omit<CacheSettings, "store">): Cache;
}

/**
 * @param settings.override Replaces members of the memory store.
 * @param settings.random From 0 up to 1.
 * @param settings.isLocal Whether the cache knows that its store is in this process. Without it, each
 * call is one that a store elsewhere would get.
 */
export function openCache(
  settings: Omit<CacheSettings, "store"> & {
    override?: (store: CacheStore) => Partial<CacheStore>;
    random?: () => number;
    isLocal?: boolean;
  } = {},
): CacheHarness {
  const { override = () => ({}), random = () => 0, isLocal = false, ...rest } = settings;
  const clock = new ManualClock();
  const redis = new RedisRegistry();
  const store = memoryCacheStore()({ redis, clock, ...(rest.compression && { values: "bytes" }) });
  const [calls, events]: [string[], CacheEvents["corrupt"][]] = [[], []];
  const open = (given: Omit<CacheSettings, "store">, shown: CacheStore): Cache =>
    createCaches(
      { default: { keyPrefix: "shop", ...given, store: () => shown } },
      { projectName: "shop", redis, clock, random },
    ).default;
  const shown = isLocal ? store : withoutGetSync(store);
  const cache = open(rest, recordCalls(shown, calls, override(shown)));
  cache.on("corrupt", (event) => events.push(event));
  return {
    cache,
    clock,
    store,
    events,
    calls,
    raw: async (wholeKey) => (await store.get(wholeKey, anyDeadline()))?.toString(),
    putRaw: async (key, value) =>
      void (await store.setMany([{ key, value, ttl: null }], "always", anyDeadline())),
    other: (given = {}) => open(given, store),
  };
}

/** Returns the time that is left to an entry, in milliseconds. */
export async function ttlOf(store: CacheStore, wholeKey: string): Promise<number | null | undefined> {
  return (await store.ttlMany([wholeKey], anyDeadline()))[0];
}

function withoutGetSync(store: CacheStore): CacheStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = name === "getSync" ? undefined : Reflect.get(target, name, target);
      return typeof value === "function" ? (value as () => unknown).bind(target) : value;
    },
  });
}

/** A promise that the test settles. */
export interface Gate<Value> {
  readonly promise: Promise<Value>;
  readonly open: (value: Value) => void;
  readonly fail: (error: Error) => void;
}

export function gate<Value = void>(): Gate<Value> {
  let open: (value: Value) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const promise = new Promise<Value>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

/** Lets everything go on that waits for nothing but its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
