import * as v from "valibot";
import type { Cache } from "../../cache/cache.ts";
import { describeKind } from "../../core/descriptions.ts";
import { type Duration, toMilliseconds } from "../../core/durations.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CacheSessionRecords } from "./cache-session-records.ts";
import { answer, answerWith } from "./callbacks.ts";
import { Store } from "./store.ts";
import type { Callback, ResultCallback, SessionData } from "./types.ts";

/** Options of {@link expressSessionStore}. */
export interface ExpressSessionStoreOptions {
  /** First part of the keys in the cache. @defaultValue `"sess:"` */
  readonly prefix?: string | undefined;
  /**
   * Time to live of a session whose cookie has no end.
   *
   * @defaultValue `"1d"`
   */
  readonly timeout?: Duration | undefined;
}

const optionsSchema = settingsObject({
  prefix: v.optional(v.string("text")),
  timeout: v.optional(
    v.custom<Duration>(
      (value) => (toMilliseconds(value as Duration) ?? 0) > 0,
      'a duration, such as 86400 or "1d"',
    ),
  ),
});

const DAY = 86_400_000;

/**
 * Makes a session store on a cache: for this package's `session()`, which compares and sets, and for
 * express-session, which overwrites.
 *
 * @example
 * ```ts
 * import express from "express";
 * import { createSojourn } from "sojourn";
 * import session, { expressSessionStore } from "sojourn/integrations/express-session";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * const app = express();
 * app.use(session({ secret: "keyboard cat", store: expressSessionStore(caches.default), resave: false, saveUninitialized: false }));
 * ```
 */
export function expressSessionStore(
  cache: Cache,
  options: ExpressSessionStoreOptions = {},
): ExpressSessionStore {
  return openExpressSessionStore(cache, options, "expressSessionStore");
}

/** {@link expressSessionStore}. @param call Name of the called function, for messages. */
export function openExpressSessionStore(
  cache: Cache,
  options: ExpressSessionStoreOptions,
  call: string,
): ExpressSessionStore {
  if (typeof cache !== "object" || cache === null || !("records" in cache))
    throw new CacheUsageError(
      `${call}() expected a cache, such as caches.default, got ${describeKind(cache)}.`,
    );
  parseSettings(optionsSchema, options, call);
  return new ExpressSessionStore(cache, options);
}

/** The `Store` of express-session on a cache. */
export class ExpressSessionStore extends Store {
  /** @internal */
  readonly records: CacheSessionRecords;
  readonly #cache: Cache;
  readonly #prefix: string;

  /** @internal Use {@link expressSessionStore}. */
  constructor(cache: Cache, { prefix = "sess:", timeout = "1d" }: ExpressSessionStoreOptions) {
    super();
    this.#cache = cache;
    this.#prefix = prefix;
    this.records = new CacheSessionRecords(cache.records, prefix, toMilliseconds(timeout) ?? DAY);
  }

  get(sid: string, callback: ResultCallback<SessionData>): void {
    answerWith(this.#read(sid), callback);
  }

  set(sid: string, session: SessionData, callback?: Callback): void {
    answer(this.records.put(sid, session), callback);
  }

  touch(sid: string, session: SessionData, callback?: Callback): void {
    answer(this.records.touch(sid, session), callback);
  }

  destroy(sid: string, callback?: Callback): void {
    answer(this.records.destroy(sid), callback);
  }

  /** Reads all sessions, each with its `id`. */
  all(callback: ResultCallback<SessionData[]>): void {
    answerWith(this.#all(), callback);
  }

  ids(callback: ResultCallback<string[]>): void {
    answerWith(this.#ids(), callback);
  }

  length(callback: ResultCallback<number>): void {
    const counting = this.#ids().then(({ length }) => length);
    answerWith(counting, callback);
  }

  /** Deletes all sessions. */
  clear(callback?: Callback): void {
    const clearing = this.#ids().then((ids) => this.records.destroy(...ids));
    answer(clearing, callback);
  }

  async #read(sid: string): Promise<SessionData | null> {
    return ((await this.records.read(sid))?.data as SessionData | undefined) ?? null;
  }

  async #all(): Promise<SessionData[]> {
    const all: SessionData[] = [];
    for (const id of await this.#ids()) {
      const data = await this.#read(id);
      if (data) all.push({ ...data, id });
    }
    return all;
  }

  async #ids(): Promise<string[]> {
    const ids: string[] = [];
    const pattern = `${this.#prefix.replaceAll(/[*?[\]\\]/g, "\\$&")}*`;
    for await (const key of this.#cache.iterKeys(pattern)) ids.push(key.slice(this.#prefix.length));
    return ids;
  }
}
