export {
  type KoaSessionStore,
  koaSessionStore,
  type KoaSessionStoreOptions,
} from "./cache-koa-session-store.ts";
export { type KeygripLike, koaSessionSource, type KoaSessionSourceOptions } from "./koa-session-source.ts";
export type { SessionSerializer, SessionSourceOptions, SourceCookieOptions } from "../session-source.ts";
