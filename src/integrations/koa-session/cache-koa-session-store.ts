import * as v from "valibot";
import type { Cache } from "../../cache/cache.ts";
import type { CacheRecords } from "../../cache/records.ts";
import { describeKind } from "../../core/descriptions.ts";
import { type Duration, toMilliseconds } from "../../core/durations.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";

/** Options of {@link koaSessionStore}. */
export interface KoaSessionStoreOptions {
  /** First part of the keys in the cache. @defaultValue `"koa:sess:"` */
  readonly prefix?: string | undefined;
  /**
   * Time to live of a session that ends with the browser (`maxAge: "session"`).
   *
   * @defaultValue `"1d"`
   */
  readonly timeout?: Duration | undefined;
}

const DAY = 86_400_000;

const optionsSchema = settingsObject({
  prefix: v.optional(v.string("text")),
  timeout: v.optional(
    v.custom<Duration>(
      (value) => (toMilliseconds(value as Duration) ?? 0) > 0,
      'a duration, such as 86400 or "1d"',
    ),
  ),
});

/** The `store` of koa-session 7, on a cache. */
export interface KoaSessionStore {
  /** Reads a session; `undefined` if there is none. */
  get(key: string): Promise<Record<string, unknown> | undefined>;
  /** Stores a session. @param maxAge Time to live in milliseconds, or `"session"`. */
  set(key: string, session: object, maxAge?: number | "session"): Promise<void>;
  destroy(key: string): Promise<void>;
}

/**
 * Makes a store for koa-session on a cache. koa-session overwrites a record as a whole, so parallel
 * requests may lose changes; Sojourn's own sessions do not.
 *
 * @throws {CacheUsageError} Without a cache.
 * @throws {ImproperlyConfigured} For a wrong option.
 * @example
 * ```ts
 * import Koa from "koa";
 * import session from "koa-session";
 * import { createSojourn } from "sojourn";
 * import { koaSessionStore } from "sojourn/integrations/koa-session";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * const app = new Koa();
 * app.keys = ["a key that nobody guesses"];
 * app.use(session({ store: koaSessionStore(caches.default) }, app));
 * ```
 */
export function koaSessionStore(cache: Cache, options: KoaSessionStoreOptions = {}): KoaSessionStore {
  if (typeof cache !== "object" || cache === null || !("records" in cache))
    throw new CacheUsageError(
      `koaSessionStore() expected a cache, such as caches.default, got ${describeKind(cache)}.`,
    );
  const { prefix = "koa:sess:", timeout = "1d" } = parseSettings(optionsSchema, options, "koaSessionStore");
  return makeStore(cache.records, prefix, toMilliseconds(timeout) ?? DAY);
}

function makeStore(records: CacheRecords, prefix: string, life: number): KoaSessionStore {
  return {
    async get(key) {
      const text = await records.read(prefix + key);
      return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>);
    },
    async set(key, session, maxAge = life) {
      await records.put(prefix + key, JSON.stringify(session), maxAge === "session" ? life : maxAge);
    },
    async destroy(key) {
      await records.delete([prefix + key]);
    },
  };
}
