import type { SameSite } from "./cross-site.ts";

/** Request, as an adapter describes it. */
export interface RequestFacts {
  /** The Cookie header. */
  readonly cookieHeader: string | undefined;
  /** The User-Agent header, for the user's list of devices. */
  readonly userAgent?: string | undefined;
  /** Whether the request came over TLS, as far as the application trusts what it is told. */
  isSecure(): boolean;
  /** The host that the visitor has asked for, with or without a port. */
  host(): string | undefined;
  /**
   * Whether the request says that the visitor has come over TLS, whether or not that is to be trusted: a sign
   * of a proxy that has not been made known.
   */
  claimsHttps?(): boolean;
  /**
   * Whether a session may begin in this request, which came without the session's cookie: the browser may
   * have kept that of a login to itself. Without it, it may.
   */
  mayBeginSession?(sameSite: SameSite): boolean;
  /** Whether the headers of the response are out, so that no cookie goes with them. Without it, they are not. */
  areHeadersSent?(): boolean;
}

/** Changes to the headers of the response, for an adapter to make. */
export interface HeaderEdits {
  /** Values to append as Set-Cookie. */
  readonly setCookie: readonly string[];
  /** Whether `Vary` has to name `Cookie`: the response may depend on the session. */
  readonly varyCookie: boolean;
}

/** The end of a request, as {@link SessionScope.finish} needs it. */
export interface ResponseStart {
  /** The status that is about to go out, or has gone out. */
  readonly status: number;
  /** Whether the headers are out: the end of a stream. */
  readonly headersSent: boolean;
  /**
   * Whether the client has left: what was changed is saved all the same, but no cookie can arrive. Without
   * it, it is there.
   */
  readonly isClientGone?: boolean;
}

/** The session of one request, as an adapter sees it. */
export interface SessionScope {
  /** Whether anything has asked for the session. While not, the response goes through untouched. */
  readonly isUsed: boolean;
  /**
   * Saves what is pending. To be called before the first header byte, and once more at the end of a response
   * whose headers were out before.
   *
   * @returns `undefined` when there is nothing to wait for. It rejects when the response has to become an error.
   */
  finish(response: ResponseStart): Promise<void> | undefined;
  /** Edits for the response that is about to leave; to be asked for after {@link finish}. */
  headers(): HeaderEdits;
  /**
   * To be called when the handler has ended its response, or given it up: nobody saves what is changed after
   * that.
   */
  noteResponseOver?(): void;
}
