import type { Deadline } from "../core/deadlines.ts";
import { rejectWith } from "../core/reject-with.ts";
import type { ResponseStart } from "./http/request-contract.ts";
import { userIdOf } from "./login/auth.ts";
import type { OperationQueue } from "./operation-queue.ts";
import type { Delta } from "./record/session-record.ts";
import type { SessionState } from "./session-state.ts";
import type { SessionWriter } from "./session-writer.ts";

/** Work for a session before its response leaves: saves changes, or extends the session. */
export class SessionFinisher<Data extends object> {
  readonly #state: SessionState<Data>;
  readonly #writer: SessionWriter<Data>;
  readonly #queue: OperationQueue;

  constructor(state: SessionState<Data>, writer: SessionWriter<Data>, queue: OperationQueue) {
    this.#state = state;
    this.#writer = writer;
    this.#queue = queue;
  }

  /** @returns `undefined` when there is nothing to wait for. */
  finish(response: ResponseStart): Promise<void> | undefined {
    const saving = this.#finishData(response);
    return saving
      ? saving.then(
          () => this.confirmCookie(),
          (error: unknown) => this.#fail(error),
        )
      : this.confirmCookie();
  }

  /** A failed save sets no cookie for a key made by another request; the next response sets it. */
  #fail(error: unknown): never {
    if (this.#hasOthersKey) this.#state.cookie.decide("none");
    throw error;
  }

  #finishData(response: ResponseStart): Promise<void> | undefined {
    const { status, isClientGone = false, isExtending = true } = response;
    // RFC 9110 section 15.6: the server has failed, so the handler's changes cannot be relied on.
    if (status >= 500) return undefined;
    // The error page of an interruption that the handler has handled: another save would be
    // interrupted too.
    if (status >= 400 && this.#state.isInterrupted) return undefined;
    const renewal = isClientGone || !isExtending ? undefined : this.#renewKey();
    const saving = renewal ?? this.#saveChanges(isExtending) ?? this.#rewriteOutdated();
    return saving ?? (isExtending ? this.#extend() : undefined);
  }

  #renewKey(): Promise<void> | undefined {
    const { cookie, record, data, services, stored, ownKey } = this.#state;
    const { renewEvery, clock } = services;
    if (renewEvery === null || cookie.isLocked || userIdOf(record) === undefined) return undefined;
    // The browser does not know this key yet.
    if (stored !== undefined && stored.key === ownKey) return undefined;
    const { renewed, authenticated, created } = record.metadata;
    const now = clock.now();
    if (now - (renewed ?? authenticated ?? created ?? now) < renewEvery) return undefined;
    return this.#enqueue(async (deadline) => {
      const creation = this.#writer.creation();
      const renew = () => this.#writer.cycleKey("renewed", { creation, deadline });
      // A request that has only read does not need the renewal: another one has renewed the key.
      if (data.hasChanges) await renew();
      else await this.#writer.tolerate(renew);
    });
  }

  #saveChanges(isExtending: boolean): Promise<void> | undefined {
    const { data } = this.#state;
    let delta: Delta;
    try {
      delta = data.delta();
      if (delta.size === 0) return undefined;
    } catch (error) {
      return this.#enqueue(() => rejectWith(error));
    }
    return this.#enqueue(async (deadline) => {
      const { home, cookie } = this.#state;
      const isDue = isExtending && this.#isActivityDue;
      if (isDue) {
        await this.#writer.recordActivity(deadline);
        // The handler may have changed more meanwhile.
        delta = data.delta();
      }
      await this.#writer.save(delta, deadline);
      if (isDue && this.#state.stored) home.throttle.mark(this.#state.stored.key);
      if (isDue) this.#writer.renewCookie();
      cookie.noteConfirmed();
    });
  }

  /** Rewrites a record made with a fallback secret while that secret is still accepted. */
  #rewriteOutdated(): Promise<void> | undefined {
    const { stored, cookie } = this.#state;
    return stored?.version.isOutdated === true && cookie.canWrite ? this.#rewrite() : undefined;
  }

  #rewrite(): Promise<void> {
    return this.#enqueue(async (deadline) => {
      await this.#writer.tolerate(() => this.#writer.rewrite(deadline));
    });
  }

  #extend(): Promise<void> | undefined {
    const { stored, home, cookie, services } = this.#state;
    const { extendsOnRead } = services;
    if (stored === undefined || !this.#isActivityDue) return undefined;
    if (home.isCookie) return cookie.canWrite ? this.#rewrite() : undefined;
    if (!extendsOnRead && userIdOf(stored.version.record) === undefined) return undefined;
    const hasCookie = !cookie.isLocked;
    // Without a cookie the next request is due as well: the browser's copy has to live as long as
    // the record.
    if (hasCookie) home.throttle.mark(stored.key);
    return this.#enqueue(async (deadline) => {
      await this.#writer.recordActivity(deadline);
      if (!extendsOnRead) return;
      const isThere = await this.#writer.tolerate(() => home.records.touch(stored, deadline));
      if (isThere !== true || !hasCookie) return;
      this.#writer.renewCookie();
      cookie.noteConfirmed();
    });
  }

  /**
   * Asks the store whether the cookie may still be sent, if that is uncertain.
   *
   * @returns `undefined` when there is nothing to wait for.
   */
  confirmCookie(): Promise<void> | undefined {
    const { cookie } = this.#state;
    if (!cookie.isUncertain) return undefined;
    return this.#enqueue(async (deadline) => {
      const isAsked = await this.#writer.tolerate(async () => {
        await cookie.confirm(deadline);
        return true;
      });
      // Without an answer, a key that this request did not make may be dead by now: the next
      // response sends its cookie.
      if (isAsked !== true && this.#hasOthersKey) cookie.decide("none");
      cookie.noteConfirmed();
    });
  }

  /** Whether this request has to extend the session, renew its cookie and record its activity. */
  get #isActivityDue(): boolean {
    const { stored, home } = this.#state;
    return stored !== undefined && home.throttle.isDue(stored);
  }

  /**
   * Whether the new cookie has a key that this request did not make but found, directly or by
   * following a move.
   */
  get #hasOthersKey(): boolean {
    const { stored, cookie, ownKey } = this.#state;
    return cookie.change === "set" && stored !== undefined && stored.key !== ownKey;
  }

  #enqueue(operation: (deadline: Deadline) => Promise<void>): Promise<void> {
    const deadline = this.#state.newDeadline();
    return this.#queue.run(() => operation(deadline));
  }
}
