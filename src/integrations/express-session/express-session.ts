import type { ServerResponse } from "node:http";
import { LRUCache } from "lru-cache";
import type { Milliseconds } from "../../core/clock.ts";
import { holdResponse } from "../../adapters/node/response-hold.ts";
import { ConnectRedisRecords, isConnectRedis } from "./connect-redis-records.ts";
import { Cookie } from "./cookie.ts";
import { ExpressSessionStore } from "./express-session-store.ts";
import { MemoryStore } from "./memory-store.ts";
import { PlainRecords } from "./plain-records.ts";
import { newSessionId, readSessionId } from "./session-id.ts";
import { Session } from "./session.ts";
import { isSecure, type SharedParts, TrackedSession } from "./tracked-session.ts";
import { track } from "./trackers.ts";
import type { SessionRecords } from "./session-records.ts";
import type { ExpressSessionOptions, SessionMiddleware, SessionRequest, SessionStoreLike } from "./types.ts";

/** Maximum number of sessions whose last extension is remembered. About 150 bytes each. */
const MAX_TOUCHES = 100_000;

const DEFAULT_DEADLINE = 5000;

/**
 * Sessions with the options and the surface of express-session 1.19, and without its faults: changes
 * of concurrent requests are merged, an ended session stays ended, and a response leaves only once
 * its session is saved.
 *
 * @example
 * ```ts
 * import express from "express";
 * import session from "sojourn/integrations/express-session";
 *
 * const app = express();
 * app.use(session({ secret: "keyboard cat", resave: false, saveUninitialized: false }));
 * ```
 */
export function expressSession(options: ExpressSessionOptions = {}): SessionMiddleware {
  const { cookie = {}, genid = newSessionId, unset = "keep", proxy } = options;
  checkOptions(options);
  const store = options.store ?? new MemoryStore();
  const secrets = options.secret === undefined ? undefined : [options.secret].flat();
  const cookieOf = typeof cookie === "function" ? cookie : () => cookie;
  const shared: SharedParts = {
    store,
    records: recordsOf(store, options.deadline ?? DEFAULT_DEADLINE),
    name: options.name ?? options.key ?? "connect.sid",
    proxy,
    resave: options.resave ?? true,
    rolling: options.rolling ?? false,
    saveUninitialized: options.saveUninitialized ?? true,
    unset,
    deadline: options.deadline ?? DEFAULT_DEADLINE,
    touches: new LRUCache({ max: MAX_TOUCHES }),
  };
  store.generate = (request) => {
    request.sessionID = genid(request);
    const session = new Session(request);
    request.session = session;
    const attributes = cookieOf(request);
    session.cookie = new Cookie(attributes);
    const isOverTls = isSecure(request, proxy);
    if (attributes.secure === "auto") session.cookie.secure = isOverTls;
    if (attributes.sameSite === "auto") session.cookie.sameSite = isOverTls ? "none" : "lax";
  };
  let isReady = true;
  store.on("disconnect", () => (isReady = false));
  store.on("connect", () => (isReady = true));

  return (message, response, next) => {
    const request: SessionRequest = message;
    if (request.session || !isReady || !isInPath(request, cookieOf(request).path)) return next();
    const known = secrets ?? (request.secret === undefined ? undefined : [request.secret]);
    if (known === undefined) return next(new Error("secret option required for sessions"));
    request.sessionStore = store;
    request.sessionID = readSessionId(request, shared.name, known);
    const tracked = new TrackedSession(request, next, shared, known);
    track(request, tracked);
    // A bridge to sockets has no response, but an object with an `end`.
    if (isResponse(response)) holdResponse(response, tracked);
    if (request.sessionID === undefined) {
      tracked.begin();
      return next();
    }
    return void tracked.load().then(
      () => setImmediate(next),
      (error: unknown) => setImmediate(next, error),
    );
  };
}

/** Returns the records of a store: compared and set where the store can do so. */
function recordsOf(store: SessionStoreLike, deadline: Milliseconds): SessionRecords {
  if (store instanceof ExpressSessionStore) return store.records;
  return isConnectRedis(store) ? new ConnectRedisRecords(store) : new PlainRecords(store, deadline);
}

function isResponse(response: Partial<ServerResponse>): boolean {
  return typeof response.writeHead === "function";
}

function isInPath({ originalUrl, url = "/" }: SessionRequest, path = "/"): boolean {
  const [pathname = "/"] = (originalUrl ?? url).split(/[?#]/);
  return (pathname === "" ? "/" : pathname).startsWith(path);
}

function checkOptions({ genid, unset, secret }: ExpressSessionOptions): void {
  if (genid !== undefined && typeof genid !== "function")
    throw new TypeError("genid option must be a function");
  if (unset && unset !== "destroy" && unset !== "keep")
    throw new TypeError('unset option must be "destroy" or "keep"');
  if (Array.isArray(secret) && secret.length === 0)
    throw new TypeError("secret option array must contain one or more strings");
}
