import { describeValue, isClass } from "../core/descriptions.ts";
import { ImproperlyConfigured } from "../core/errors.ts";
import type { CacheStore, CacheStoreContext, CacheStoreFactory } from "./cache-store.ts";
import type { SessionStore, SessionStoreFactory, StoreContext } from "./session-store.ts";

const SESSION_STORE_METHODS = [
  ...([
    "read",
    "create",
    "commit",
    "touch",
    "delete",
    "deleteIfMatch",
    "scan",
    "ping",
    "clearExpired",
  ] as const),
  "close",
] as const satisfies (keyof SessionStore)[];

// Methods that every store has, whatever its capabilities.
const CACHE_STORE_METHODS = [
  ...(["get", "getMany", "setMany", "ensureMany", "deleteMany", "takeMany", "touchMany"] as const),
  ...(["touchHeadless", "replaceHead", "ttlMany", "ping", "close"] as const),
] as const satisfies (keyof CacheStore)[];

/**
 * Makes a session store, and checks that it is one: plain JavaScript may pass a class, or a
 * function that was not called.
 *
 * @param setting Name of the setting in the application, such as `sessions.store`.
 * @throws {ImproperlyConfigured}
 */
export function makeSessionStore(
  factory: SessionStoreFactory,
  context: StoreContext,
  setting: string,
): SessionStore {
  const store = make(factory, context, { setting, example: "redisSessionStore()" });
  checkMethods(store, SESSION_STORE_METHODS, { setting, example: "redisSessionStore()" });
  return store;
}

/** {@link makeSessionStore} for a cache. */
export function makeCacheStore(
  factory: CacheStoreFactory,
  context: CacheStoreContext,
  setting: string,
): CacheStore {
  const store = make(factory, context, { setting, example: "redisCacheStore()" });
  checkMethods(store, CACHE_STORE_METHODS, { setting, example: "redisCacheStore()" });
  return store;
}

/**
 * {@link makeCacheStore} for sessions: a logout counts at once in all processes, so none is read
 * from a level in the memory of this one.
 */
export function makeAuthority(
  factory: CacheStoreFactory,
  context: CacheStoreContext,
  setting: string,
): CacheStore {
  const store = makeCacheStore(factory, context, setting);
  return store.authority ?? store;
}

interface Place {
  readonly setting: string;
  /** Example of an expected value. */
  readonly example: string;
}

function make<Store, Context>(factory: (context: Context) => Store, context: Context, place: Place): Store {
  if (isClass(factory)) {
    const name = factory.name || "MyStore";
    throw unfit(place, describeValue(factory), `Give a function that makes one: () => new ${name}().`);
  }
  try {
    const store = factory(context);
    if (typeof store === "function") throw notCalled(factory, place);
    return store;
  } catch (error) {
    // One of our own functions, passed uncalled, takes the context for its options.
    const isNotCalled = error instanceof ImproperlyConfigured && error.setting.startsWith(`${factory.name}.`);
    throw isNotCalled ? notCalled(factory, place) : error;
  }
}

function notCalled({ name }: { readonly name: string }, place: Place): ImproperlyConfigured {
  const called = name === "" ? "it" : `${name}()`;
  return unfit(place, name === "" ? "a function that makes none" : `the function ${name}`, `Call ${called}.`);
}

function checkMethods(store: unknown, methods: readonly string[], place: Place): void {
  if (typeof store !== "object" || store === null || store instanceof Promise) {
    throw unfit(
      place,
      `a function that returns ${describeValue(store)}`,
      "It must return the store itself, synchronously.",
    );
  }
  const missing = methods.find((name) => typeof (store as Record<string, unknown>)[name] !== "function");
  if (missing === undefined) return;
  const { name } = store as { readonly name?: unknown };
  const what = typeof name === "string" ? `the store "${name}"` : describeValue(store);
  throw unfit(
    place,
    `${what}, which has no ${missing}()`,
    "Session stores and cache stores are not interchangeable.",
  );
}

function unfit({ setting, example }: Place, got: string, advice: string): ImproperlyConfigured {
  return new ImproperlyConfigured(setting, `expected a store such as ${example}, got ${got}. ${advice}`);
}
