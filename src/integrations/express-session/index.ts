import { Cookie } from "./cookie.ts";
import { expressSession } from "./express-session.ts";
import { MemoryStore } from "./memory-store.ts";
import { Session } from "./session.ts";
import { Store } from "./store.ts";

const session = Object.assign(expressSession, { Store, MemoryStore, Session, Cookie });

export default session;
export { session as "module.exports", expressSession, Cookie, MemoryStore, Session, Store };
export type { CookieOptions } from "./cookie.ts";
export type {
  ExpressSessionOptions,
  RequestSession,
  SessionData,
  SessionMiddleware,
  SessionRequest,
  SessionStoreLike,
} from "./types.ts";
