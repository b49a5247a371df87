import type { IncomingMessage, ServerResponse } from "node:http";
import type { Milliseconds } from "../../core/clock.ts";
import type { Cookie, CookieOptions } from "./cookie.ts";

/** Data of a session as the application has it: any members beside `cookie`. */
export interface SessionData {
  cookie: Cookie;
  [key: string]: unknown;
}

/** The session of a request, as `req.session`. */
export interface RequestSession extends SessionData {
  readonly req: SessionRequest;
  readonly id: string;
  touch(): this;
  resetMaxAge(): this;
  save(): Promise<void>;
  save(callback: Callback | undefined): this;
  reload(): Promise<void>;
  reload(callback: Callback | undefined): this;
  destroy(): Promise<void>;
  destroy(callback: Callback | undefined): this;
  regenerate(): Promise<void>;
  regenerate(callback: Callback | undefined): this;
}

/** A request with the members that the middleware sets, and those of Express that it reads. */
export interface SessionRequest extends IncomingMessage {
  session?: RequestSession | null | undefined;
  sessionID?: string | undefined;
  sessionStore?: SessionStoreLike | undefined;
  originalUrl?: string | undefined;
  /** Of Express: whether the request came over TLS, by the setting `trust proxy`. */
  secure?: boolean | undefined;
  /** Of cookie-parser. */
  secret?: string | undefined;
  cookies?: Record<string, unknown> | undefined;
  signedCookies?: Record<string, unknown> | undefined;
}

/** Called with the error, if there is one. */
export type Callback = (error?: unknown) => void;

/** Called with the error, or the result. */
export type ResultCallback<Result> = (error?: unknown, result?: Result | null) => void;

/**
 * A session store of express-session: connect-redis and its like, the stores of this package, and
 * any store of the application.
 */
export interface SessionStoreLike {
  get(sid: string, callback: ResultCallback<SessionData>): unknown;
  set(sid: string, session: SessionData, callback?: Callback): unknown;
  destroy(sid: string, callback?: Callback): unknown;
  touch?(sid: string, session: SessionData, callback?: Callback): unknown;
  /** Replaces the session of a request by a new one. The middleware provides it. */
  generate?(request: SessionRequest): void;
  regenerate(request: SessionRequest, callback: Callback): void;
  createSession(request: SessionRequest, data: SessionData): RequestSession;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** Options of express-session 1.19. */
export interface ExpressSessionOptions {
  /** Signs the session's id in the cookie; the first of several signs, all verify. */
  readonly secret?: string | readonly string[] | undefined;
  /** Name of the cookie. @defaultValue `"connect.sid"` */
  readonly name?: string | undefined;
  /** Earlier name of `name`. */
  readonly key?: string | undefined;
  /** @defaultValue a new {@link MemoryStore} */
  readonly store?: SessionStoreLike | undefined;
  /** Attributes of the cookie, or a function that returns those for a request. */
  readonly cookie?: CookieOptions | ((request: SessionRequest) => CookieOptions) | undefined;
  /** Makes the id of a new session. @defaultValue 24 random bytes, in base64url */
  readonly genid?: ((request: SessionRequest) => string) | undefined;
  /** Whether proxies are trusted. @defaultValue the setting `trust proxy` of Express */
  readonly proxy?: boolean | undefined;
  /** Whether a session is stored again though it was not changed. @defaultValue `true` */
  readonly resave?: boolean | undefined;
  /** Whether each response sends the cookie again. @defaultValue `false` */
  readonly rolling?: boolean | undefined;
  /** Whether a new session is stored though it was not changed. @defaultValue `true` */
  readonly saveUninitialized?: boolean | undefined;
  /** Fate of the record after `req.session = null`. @defaultValue `"keep"` */
  readonly unset?: "destroy" | "keep" | undefined;
  /**
   * Maximum time of each step with the store.
   *
   * @defaultValue 5000
   */
  readonly deadline?: Milliseconds | undefined;
}

/** Middleware of Express, Connect and their like. */
export type SessionMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;
