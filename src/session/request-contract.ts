/** What an adapter tells of a request. */
export interface RequestFacts {
  /** The Cookie header. */
  readonly cookieHeader: string | undefined;
  /** The User-Agent header, for the user's list of devices. */
  readonly userAgent?: string | undefined;
  /** Whether the request came over TLS, as far as the application trusts what it is told. */
  isSecure(): boolean;
  /** The host that the visitor has asked for, with or without a port. */
  host(): string | undefined;
  /** Whether the headers of the response are out, so that no cookie goes with them. Without it, they are not. */
  areHeadersSent?(): boolean;
}

/** What an adapter does to the headers of the response. */
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
  /** Whether the client has left, so that no cookie reaches it. @defaultValue `false` */
  readonly isClientGone?: boolean;
}

/** The session of one request, as an adapter sees it. */
export interface SessionScope {
  /** Whether anything has asked for the session. While not, the response goes through untouched. */
  readonly isUsed: boolean;
  /**
   * Saves what is pending. To be called before the first header byte, and once more at the end of a response whose
   * headers were out before.
   *
   * @returns `undefined` when there is nothing to wait for. It rejects when the response has to become an error.
   */
  finish(response: ResponseStart): Promise<void> | undefined;
  /** Edits for the response that is about to leave; to be asked for after {@link finish}. */
  headers(): HeaderEdits;
}
