import type { OnInvalid } from "./data/data-schema.ts";
import { explainAwait } from "./explain-await.ts";
import { type LateChangeHandling, LateChangeWatch } from "./http/late-changes.ts";
import type { CookieWriter } from "./http/cookie-writer.ts";
import type { SetCookie } from "./http/cookie.ts";
import type {
  HeaderEdits,
  RequestInfo,
  ResponseStart,
  SessionScope,
  UseListener,
} from "./http/request-contract.ts";
import type { SessionEventEmitter } from "./session-events.ts";
import type { SessionOpener } from "./session-opener.ts";
import type { Session } from "./session.ts";

/** Parts that the scopes of all requests share. */
export interface ScopeParts<Data extends object> {
  readonly opener: SessionOpener<Data>;
  readonly cookies: CookieWriter;
  readonly events: SessionEventEmitter;
}

/** {@link SessionScope} over a session that is loaded on first use. */
export class LazySessionScope<Data extends object> implements SessionScope, LateChangeHandling {
  readonly #info: RequestInfo;
  readonly #parts: ScopeParts<Data>;
  #opening: Promise<Session<Data>> | undefined = undefined;
  #session: Session<Data> | undefined = undefined;
  #hasFailed = false;
  #isResponseOver = false;
  #useListener: UseListener | undefined = undefined;
  /** The response's status prevents changes from being saved. */
  #isDropping = false;

  constructor(info: RequestInfo, parts: ScopeParts<Data>) {
    this.#info = info;
    this.#parts = parts;
  }

  get isUsed(): boolean {
    return this.#opening !== undefined;
  }

  /** Loads the session on the first call. The next call retries a failed load. */
  load(onInvalid?: OnInvalid): Promise<Session<Data>> {
    if (this.#opening === undefined) {
      this.#opening = explainAwait(this.#open(onInvalid));
      this.#useListener?.noteUse();
    }
    return this.#opening;
  }

  notifyUse(listener: UseListener): void {
    this.#useListener = listener;
  }

  finish(response: ResponseStart): Promise<void> | undefined {
    this.#isDropping = response.status >= 500;
    // The error page of a failed save must not try to save again.
    if (this.#hasFailed || this.#opening === undefined) return undefined;
    return this.#session === undefined
      ? this.#finishLoading(this.#opening, response)
      : this.#finish(response);
  }

  headers(): HeaderEdits {
    return { setCookie: this.cookies().map(({ header }) => header), varyCookie: this.isUsed };
  }

  cookies(): readonly SetCookie[] {
    return this.#session ? this.#parts.cookies.cookiesFor(this.#session, this.#info) : [];
  }

  noteResponseOver(): void {
    this.#isResponseOver = true;
    if (this.#session) this.#session.watchUse(new LateChangeWatch(this.#session, this));
  }

  get isDropping(): boolean {
    return this.#hasFailed || this.#isDropping;
  }

  noteLateChange({ storedAt }: Session<object>): void {
    const { events } = this.#parts;
    events.emit("lateChange", storedAt === undefined ? {} : { session: events.nameOf(storedAt) });
  }

  #open(onInvalid: OnInvalid | undefined): Promise<Session<Data>> {
    return this.#parts.opener.openFor(this.#info, onInvalid).then(
      (session) => {
        this.#session = session;
        if (this.#isResponseOver) session.watchUse(new LateChangeWatch(session, this));
        return session;
      },
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
  }

  /** Finishes a session that the handler did not await, but may use once it is loaded. */
  async #finishLoading(opening: Promise<unknown>, response: ResponseStart): Promise<void> {
    try {
      await opening;
    } catch {
      // The caller that asked for the session got the error; the response does not depend on it.
      return;
    }
    await this.#finish(response);
  }

  #finish(response: ResponseStart): Promise<void> | undefined {
    const session = this.#session;
    const pending = session?.finish(response);
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
