import { Cookie } from "./cookie.ts";
import { expressSession } from "./express-session.ts";
import { expressSessionSource } from "./express-session-source.ts";
import { ExpressSessionStore, expressSessionStore } from "./express-session-store.ts";
import { MemoryStore } from "./memory-store.ts";
import { Session } from "./session.ts";
import { Store, type StoreConstructor } from "./store.ts";
import type { ExpressSessionOptions, SessionMiddleware } from "./types.ts";

/** express-session's export: the middleware's factory, with the classes as its members. */
export interface ExpressSession {
  (options?: ExpressSessionOptions): SessionMiddleware;
  readonly Store: StoreConstructor;
  readonly MemoryStore: typeof MemoryStore;
  readonly Session: typeof Session;
  readonly Cookie: typeof Cookie;
  readonly ExpressSessionStore: typeof ExpressSessionStore;
  readonly expressSession: typeof expressSession;
  readonly expressSessionStore: typeof expressSessionStore;
  readonly expressSessionSource: typeof expressSessionSource;
  /** Itself, for what `import` becomes with a compiler to CommonJS. */
  readonly default: ExpressSession;
}

const members = {
  Store,
  MemoryStore,
  Session,
  Cookie,
  ExpressSessionStore,
  expressSession,
  expressSessionStore,
  expressSessionSource,
};

const session: ExpressSession = Object.assign(expressSession, members, {
  default: expressSession as ExpressSession,
});

export default session;
export { session as "module.exports", expressSession, Cookie, MemoryStore, Session, Store };
export { ExpressSessionStore, expressSessionStore, expressSessionSource };
export type { ExpressSessionSourceOptions } from "./express-session-source.ts";
export type { SessionSerializer, SessionSourceOptions, SourceCookieOptions } from "../session-source.ts";
export type { ExpressSessionStoreOptions } from "./express-session-store.ts";
export type { CookieOptions } from "./cookie.ts";
export type {
  ExpressSessionOptions,
  RequestSession,
  SessionData,
  SessionMiddleware,
  SessionRequest,
  SessionStoreLike,
} from "./types.ts";
