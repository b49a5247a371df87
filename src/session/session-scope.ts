import type { OnInvalid } from "./data-schema.ts";
import type { Session } from "./session.ts";

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

/** {@link SessionScope} over a session that is loaded when it is first asked for. */
export class LazySessionScope<Data extends object> implements SessionScope {
  readonly #open: (onInvalid: OnInvalid | undefined) => Promise<Session<Data>>;
  readonly #cookieFor: (session: Session<Data>) => readonly string[];
  #opening: Promise<Session<Data>> | undefined;
  #session: Session<Data> | undefined;
  #hasFailed = false;

  constructor(
    open: (onInvalid: OnInvalid | undefined) => Promise<Session<Data>>,
    cookieFor: (session: Session<Data>) => readonly string[],
  ) {
    this.#open = open;
    this.#cookieFor = cookieFor;
  }

  get isUsed(): boolean {
    return this.#opening !== undefined;
  }

  /** Loads the session on the first call. A failed load is tried again by the next call. */
  load(onInvalid?: OnInvalid): Promise<Session<Data>> {
    this.#opening ??= this.#open(onInvalid).then(
      (session) => (this.#session = session),
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  finish(response: ResponseStart): Promise<void> | undefined {
    // The error page of a failed save must not try to save again.
    if (this.#hasFailed || this.#opening === undefined) return undefined;
    return this.#session === undefined ? this.#finishLoading(this.#opening, response) : this.#finish(response);
  }

  headers(): HeaderEdits {
    return { setCookie: this.#session ? this.#cookieFor(this.#session) : [], varyCookie: this.isUsed };
  }

  /** The handler did not wait for its session, but may have asked for more once it comes. */
  async #finishLoading(opening: Promise<unknown>, response: ResponseStart): Promise<void> {
    try {
      await opening;
    } catch {
      // Whoever asked for the session has been told; the response does not depend on it.
      return;
    }
    await this.#finish(response);
  }

  #finish({ status, headersSent }: ResponseStart): Promise<void> | undefined {
    const session = this.#session;
    const pending = session?.finish(status, headersSent);
    if (pending === undefined) {
      session?.noteHeadersSent();
      return undefined;
    }
    return pending.then(
      () => session?.noteHeadersSent(),
      (error: unknown) => {
        this.#hasFailed = true;
        throw error;
      },
    );
  }
}
