import type { Cache } from "../../cache/cache.ts";
import {
  type ExpressSessionStoreOptions,
  openExpressSessionStore,
} from "../express-session/express-session-store.ts";

/** Options of {@link fastifySessionStore}. */
export type FastifySessionStoreOptions = ExpressSessionStoreOptions;

/** The `store` of @fastify/session 11, on a cache. */
export interface FastifySessionStore {
  // The type of a session is that of the application's @fastify/session.
  // oxlint-disable-next-line typescript/no-explicit-any
  get(sessionId: string, callback: (error: unknown, session?: any) => void): void;
  set(sessionId: string, session: object, callback: (error?: unknown) => void): void;
  destroy(sessionId: string, callback: (error?: unknown) => void): void;
}

/**
 * Makes a store for @fastify/session on a cache, in the records of `expressSessionStore()`. That
 * library overwrites a record as a whole, so parallel requests may lose changes; Sojourn's own
 * sessions do not.
 *
 * @throws {CacheUsageError} Without a cache.
 * @throws {ImproperlyConfigured} For a wrong option.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { fastifySessionStore } from "sojourn/integrations/fastify-session";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * const store = fastifySessionStore(caches.default);
 * // await app.register(session, { secret, store });
 * ```
 */
export function fastifySessionStore(
  cache: Cache,
  options: FastifySessionStoreOptions = {},
): FastifySessionStore {
  return openExpressSessionStore(cache, options, "fastifySessionStore");
}
