import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { SessionKey } from "../../core/ids.ts";
import { pauseUnreferenced, startUnreferencedTimer } from "../../core/timers.ts";
import type { GoneCause, RecordWatch, RecordWatchListener } from "../../stores/record-watch.ts";
import type { SessionEventEmitter } from "../session-events.ts";
import type { SessionRecords } from "../stored/session-records.ts";
import { STEP_SIZE } from "../users/steps.ts";
import { warnOfPolling } from "./polling-warning.ts";

/**
 * Reason for the end of a session, as this process can tell it.
 *
 * - `"logout"`: `logout` or `flush`, or a past expiry that was set with `setExpiry`.
 * - `"revoked"`: from elsewhere: by `revoke`, `revokeUser`, `revokeAll` or `maxPerUser`, or since
 *   another program has deleted the record: Django, at its logout and its login.
 * - `"expired"`: its time has passed.
 * - `"login"`, `"cycled"`: `login` or `cycleKey` in another request has given it a new key, with
 *   other rights. The browser's newest cookie leads to it.
 * - `"gone"`: one of `"revoked"` and `"expired"`, on a store that does not tell which.
 */
export type SessionEndReason = "logout" | "revoked" | "expired" | "login" | "cycled" | "gone";

/** A session object that waits for the session's end. */
export interface ObservedSession {
  /** Storage key of the session, as far as the object knows. */
  readonly storageKey: SessionKey | undefined;
  /** Finds the session. @returns Its storage key; `undefined` when it has ended. */
  locate(): Promise<SessionKey | undefined>;
  /** Called once, when it has ended. */
  end(reason: SessionEndReason): void;
}

/** Dependencies of {@link SessionEndings}. */
export interface SessionEndingsOptions {
  readonly records: SessionRecords;
  readonly events: SessionEventEmitter;
  readonly newDeadline: () => Deadline;
}

/** A session that may have ended. */
interface Suspicion {
  readonly cause: GoneCause;
  /** The reason was looked for before, and not found. */
  readonly isSecond: boolean;
}

/** Interval of attempts while the store does not answer. */
const RETRY_AFTER: Milliseconds = 500;

/**
 * A logout deletes the record, and then remembers the end: the time until another look for the
 * reason.
 */
const REASON_AFTER: Milliseconds = 100;

/**
 * Tells session objects that their session has ended: ends by this process at once, by its events;
 * those by others while a watch reports them.
 */
export class SessionEndings implements RecordWatchListener {
  readonly #options: SessionEndingsOptions;
  /** Storage keys of the observed sessions. */
  readonly #keys = new Map<ObservedSession, SessionKey>();
  readonly #observed = new Map<SessionKey, Set<ObservedSession>>();
  /** Storage keys by the sessions' names in events. */
  readonly #named = new Map<string, SessionKey>();
  /** Keys whose sessions have to be looked at. */
  readonly #suspects = new Map<SessionKey, Suspicion>();
  #watch: RecordWatch | undefined;
  #poll: (() => RecordWatch) | undefined;
  #isLooking = false;
  #isListening = false;

  constructor(options: SessionEndingsOptions) {
    this.#options = options;
  }

  get isWatching(): boolean {
    return this.#watch !== undefined;
  }

  /**
   * Takes the reports of a watch, until it is stopped.
   *
   * @param watch Watch of the store, if it has one.
   * @param poll Makes the one for stores that have none, or that refuse.
   */
  start(watch: RecordWatch | undefined, poll: () => RecordWatch): void {
    this.#poll = poll;
    this.#begin(watch ?? poll());
  }

  async stop(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    await watch?.close();
  }

  /** Observes a session; one that is not stored has no end. */
  observe(session: ObservedSession): void {
    const { storageKey } = session;
    if (storageKey === undefined) return;
    this.#listen();
    this.#put(session, storageKey);
  }

  leave(session: ObservedSession): void {
    const key = this.#keys.get(session);
    if (key === undefined) return;
    this.#keys.delete(session);
    const others = this.#observed.get(key);
    others?.delete(session);
    if (others === undefined || others.size > 0) return;
    this.#observed.delete(key);
    this.#named.delete(this.#options.events.nameOf(key));
    this.#watch?.remove(key);
  }

  onGone(key: SessionKey, cause: GoneCause): void {
    this.#suspect(key, { cause, isSecond: false });
  }

  onFailure(error: Error): void {
    this.#options.events.emit("watchFailed", { error });
  }

  /** The records are polled from now on. */
  onRefusal(error: Error): void {
    this.onFailure(error);
    if (this.#watch === undefined || this.#poll === undefined) return;
    warnOfPolling(error);
    this.#begin(this.#poll());
  }

  #begin(watch: RecordWatch): void {
    this.#watch = watch;
    for (const key of this.#observed.keys()) watch.add(key);
  }

  #put(session: ObservedSession, key: SessionKey): void {
    this.#keys.set(session, key);
    const others = this.#observed.get(key);
    if (others) {
      others.add(session);
      return;
    }
    this.#observed.set(key, new Set([session]));
    this.#named.set(this.#options.events.nameOf(key), key);
    this.#watch?.add(key);
  }

  /** Listens to the events of this process, from the first observed session on. */
  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    const { events } = this.#options;
    events.on("flushed", ({ session }) => this.#endAll(session, "logout"));
    events.on("revoked", ({ sessions }) => {
      for (const session of sessions) this.#endAll(session, "revoked");
    });
    // The store tells whether the session goes on under its new key.
    const suspect = (name: string | undefined): void => {
      const key = name === undefined ? undefined : this.#named.get(name);
      if (key !== undefined) this.onGone(key, "unknown");
    };
    events.on("cycled", ({ previous }) => suspect(previous));
    events.on("login", ({ previous }) => suspect(previous));
  }

  #endAll(name: string, reason: SessionEndReason): void {
    const key = this.#named.get(name);
    if (key === undefined) return;
    for (const session of this.#observed.get(key) ?? []) this.#end(session, reason);
  }

  #end(session: ObservedSession, reason: SessionEndReason): void {
    this.leave(session);
    session.end(reason);
  }

  #suspect(key: SessionKey, suspicion: Suspicion): void {
    if (!this.#observed.has(key)) return;
    this.#suspects.set(key, suspicion);
    if (!this.#isLooking) void this.#lookAtSuspects();
  }

  /** Looks at all suspects, some at a time, and again at those for which the store did not answer. */
  async #lookAtSuspects(): Promise<void> {
    this.#isLooking = true;
    while (this.#suspects.size > 0) {
      const step = [...this.#suspects].slice(0, STEP_SIZE);
      for (const [key] of step) this.#suspects.delete(key);
      const looks = await Promise.allSettled(step.map(([key, suspicion]) => this.#lookAt(key, suspicion)));
      const unknown = step.filter((_, index) => looks[index]?.status === "rejected");
      if (unknown.length === 0) continue;
      for (const [key, suspicion] of unknown)
        if (!this.#suspects.has(key)) this.#suspects.set(key, suspicion);
      await pauseUnreferenced(RETRY_AFTER);
    }
    this.#isLooking = false;
  }

  async #lookAt(key: SessionKey, suspicion: Suspicion): Promise<void> {
    let reason: SessionEndReason | undefined;
    // Not a copy: it also yields those that join meanwhile, whose key is not reported again.
    for (const session of this.#observed.get(key) ?? []) {
      const at = await session.locate();
      if (at === undefined) reason ??= await this.#reasonOf(key, suspicion);
      // Its listeners may have left meanwhile.
      if (this.#keys.get(session) !== key) continue;
      if (at !== undefined) this.#follow(session, at);
      else if (reason === undefined) return this.#lookAgain(key, suspicion);
      else this.#end(session, reason);
    }
  }

  #lookAgain(key: SessionKey, { cause }: Suspicion): void {
    startUnreferencedTimer(REASON_AFTER, () => this.#suspect(key, { cause, isSecond: true }));
  }

  #follow(session: ObservedSession, key: SessionKey): void {
    if (this.#keys.get(session) === key) return;
    this.leave(session);
    this.#put(session, key);
  }

  /** @returns `undefined` when the reason may be known a little later. */
  async #reasonOf(key: SessionKey, { cause, isSecond }: Suspicion): Promise<SessionEndReason | undefined> {
    const { records, newDeadline } = this.#options;
    const end = await records.endOf(key, newDeadline());
    if (end !== undefined) return end === "ended" ? "logout" : end;
    if (cause === "deleted") return isSecond ? "revoked" : undefined;
    return cause === "expired" ? "expired" : "gone";
  }
}
