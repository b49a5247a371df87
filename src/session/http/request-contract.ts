import type { SetCookie } from "./cookie.ts";
import type { SameSite } from "./cross-site.ts";

/** An adapter's description of a request. */
export interface RequestInfo {
  /** The Cookie header. */
  readonly cookieHeader: string | undefined;
  /** The User-Agent header, for the user's list of devices. */
  readonly userAgent?: string | undefined;
  /** Returns whether the request came over TLS, from sources that the application trusts. */
  isSecure(): boolean;
  /** Returns the requested host, with or without a port. */
  host(): string | undefined;
  /**
   * Returns whether the request claims that the visitor came over TLS, trusted or not: a sign of a
   * proxy that is not configured.
   */
  claimsHttps?(): boolean;
  /**
   * Returns whether a session may begin in this request, which came without the session's cookie:
   * the browser may have withheld the cookie of a login. @defaultValue it may
   */
  mayBeginSession?(sameSite: SameSite): boolean;
  /**
   * Returns whether the response headers were already sent, too late for a cookie.
   * @defaultValue they were not
   */
  areHeadersSent?(): boolean;
}

/** Changes that an adapter has to make to the response headers. */
export interface HeaderEdits {
  /** Values to append as Set-Cookie. */
  readonly setCookie: readonly string[];
  /** `Vary` has to name `Cookie`: the response may depend on the session. */
  readonly varyCookie: boolean;
}

/** State of the response, for {@link SessionScope.finish}. */
export interface ResponseStart {
  /** Status of the response, sent or about to be sent. */
  readonly status: number;
  /** The headers were already sent: the end of a stream. */
  readonly headersSent: boolean;
  /**
   * The client has disconnected: changes are still saved, but no cookie can arrive.
   * @defaultValue `false`
   */
  readonly isClientGone?: boolean;
  /**
   * Whether the response may extend the session, which sends its cookie again with a new age.
   * Without it, another request does so.
   * @defaultValue `true`
   */
  readonly isExtending?: boolean;
}

/** Listener of {@link SessionScope.notifyUse}. */
export interface UseListener {
  noteUse(): void;
}

/** An adapter's view of the session of one request. */
export interface SessionScope {
  /** Whether the session was requested. Until then, the response passes unchanged. */
  readonly isUsed: boolean;
  /** Notifies a listener once the session is requested. Without it, adapters look at {@link isUsed}. */
  notifyUse?(listener: UseListener): void;
  /**
   * Saves pending changes. To be called before the first header byte, and again at the end of a
   * response whose headers were already sent.
   *
   * @returns `undefined` when there is nothing to wait for. Rejects when the response has to become
   *   an error.
   */
  finish(response: ResponseStart): Promise<void> | undefined;
  /** Returns the edits for the response headers; to be called after {@link finish}. */
  headers(): HeaderEdits;
  /**
   * Returns the cookies of {@link headers} in parts, for frameworks that set cookies by name, value
   * and attributes.
   */
  cookies?(): readonly SetCookie[];
  /**
   * To be called when the handler has ended or abandoned its response: later changes are not saved.
   */
  noteResponseOver?(): void;
}
