import type { Clock, Milliseconds } from "../../../core/clock.ts";
import { startUnreferencedTimer, type Timer } from "../../../core/timers.ts";
import { isWrongServer } from "../driver-error.ts";
import { currentCall } from "./current-call.ts";

/**
 * Maximum silence of a connection after the deadline of a session's statement. A server that bounds
 * its statements itself answers within it, and keeps its connection.
 */
export const GRACE: Milliseconds = 1000;

/**
 * A connection that says "wrong server" and is younger than this is kept: the address still leads
 * there.
 */
const YOUNG: Milliseconds = 1000;

/** A connection of a driver's pool. */
export interface PooledConnection {
  /** Closes it, and frees its place in the pool. */
  destroy(): void;
}

/** Tracks which connections of a pool can still be trusted. */
export class PoolHealth {
  readonly #clock: Clock;
  readonly #queryTimeout: Milliseconds | undefined;
  /** A connection that has not answered since may be as dead as the one that stalled. */
  #silentSince: Milliseconds = Number.NEGATIVE_INFINITY;
  /** A connection opened before leads to a server that is no longer the right one. */
  #reopenSince: Milliseconds = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, queryTimeout: Milliseconds | undefined) {
    this.#clock = clock;
    this.#queryTimeout = queryTimeout;
  }

  watch(connection: PooledConnection): ConnectionHealth {
    return new ConnectionHealth(this, connection);
  }

  now(): Milliseconds {
    return this.#clock.monotonic();
  }

  /** Maximum duration of the current statement; `undefined`: no limit. */
  get span(): Milliseconds | undefined {
    const deadline = currentCall()?.deadline;
    return deadline === undefined ? this.#queryTimeout : deadline.remaining + GRACE;
  }

  isTrusted(openedAt: Milliseconds, heardAt: Milliseconds): boolean {
    return heardAt >= this.#silentSince && openedAt >= this.#reopenSince;
  }

  noteStall(sentAt: Milliseconds): void {
    this.#silentSince = Math.max(this.#silentSince, sentAt);
  }

  noteAnswer(error: unknown, openedAt: Milliseconds): void {
    const now = this.now();
    if (isWrongServer(error) && now - openedAt >= YOUNG) this.#reopenSince = now;
  }
}

/** One connection of a {@link PoolHealth}, from its opening until it is discarded. */
export class ConnectionHealth {
  readonly #pool: PoolHealth;
  readonly #connection: PooledConnection;
  readonly #openedAt: Milliseconds;
  #heardAt: Milliseconds;
  #isDiscarded = false;

  constructor(pool: PoolHealth, connection: PooledConnection) {
    this.#pool = pool;
    this.#connection = connection;
    this.#openedAt = pool.now();
    this.#heardAt = this.#openedAt;
  }

  get isDiscarded(): boolean {
    return this.#isDiscarded;
  }

  /** Returns whether the pool may hand it out. An untrusted one is discarded. */
  check(): boolean {
    if (!this.#isDiscarded && !this.#pool.isTrusted(this.#openedAt, this.#heardAt)) this.#discard();
    return !this.#isDiscarded;
  }

  /**
   * Runs a statement, and discards the connection if no answer comes in time.
   *
   * @param send Sends it, and calls back once with the result.
   * @param done Called once.
   */
  run<Answer>(send: (done: Done<Answer>) => void, done: Done<Answer>): void {
    if (this.#isDiscarded) return done(new StalledConnection());
    const [sentAt, span] = [this.#pool.now(), this.#pool.span];
    let timer: Timer | undefined;
    let isDone = false;
    const finish: Done<Answer> = (error, answer) => {
      if (isDone) return;
      isDone = true;
      timer?.stop();
      done(error, answer);
    };
    if (span !== undefined) {
      timer = startUnreferencedTimer(span, () => {
        this.#pool.noteStall(sentAt);
        this.#discard();
        finish(new StalledConnection());
      });
    }
    send((error, answer) => {
      this.#heardAt = this.#pool.now();
      this.#pool.noteAnswer(error, this.#openedAt);
      finish(error, answer);
    });
  }

  #discard(): void {
    this.#isDiscarded = true;
    this.#connection.destroy();
  }
}

/** Called with an error, or with `undefined` and an answer. */
export type Done<Answer> = (error: unknown, answer?: Answer) => void;

/**
 * Error of a statement whose connection was discarded before the answer. It has no SQLSTATE: the
 * connection is lost.
 */
class StalledConnection extends Error {
  readonly code = "CONNECTION_STALLED";

  constructor() {
    super("The connection was discarded, since it gave no answer in time.");
  }
}
