import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import { ENDED_TTL, type LeaseResult, MAX_LEASE } from "../cache-store.ts";

interface Held {
  /** Token of the loading caller; `undefined` for a moment after a load without a value. */
  readonly token?: string;
  /** Time from which others can take it. */
  readonly endsAt: EpochMilliseconds;
  readonly forgottenAt: EpochMilliseconds;
  /** Number of recent loads that ended without a value. */
  readonly ended: number;
  hasWaiters: boolean;
}

/** Minimum number of leases that is worth a sweep. */
const MIN_SWEEP_SIZE = 1000;

/** The leases on entries. It keeps at most twice as many leases as were held at its last sweep. */
export class MemoryLeases {
  readonly #clock: Clock;
  readonly #held = new Map<string, Held>();
  #sweepSize = MIN_SWEEP_SIZE;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a lease or extends it. */
  take(key: string, token: string, ttl: Milliseconds): Exclude<LeaseResult, { status: "found" }> {
    const held = this.#of(key);
    if (held?.token !== undefined && held.token !== token && this.#clock.now() < held.endsAt) {
      held.hasWaiters = true;
      return { status: "busy", ended: held.ended };
    }
    const { ended, hasWaiters } = held ?? { ended: 0, hasWaiters: false };
    const now = this.#clock.now();
    this.#held.set(key, { token, endsAt: now + ttl, forgottenAt: now + MAX_LEASE, ended, hasWaiters });
    if (this.#held.size >= this.#sweepSize) this.#sweep();
    return { status: "leased" };
  }

  /** Extends a lease, if it is the token's. @returns Whether it is. */
  renew(key: string, token: string, ttl: Milliseconds): boolean {
    return this.#of(key)?.token === token && this.take(key, token, ttl).status === "leased";
  }

  /**
   * Ends a lease without a value, if it is the token's. Waiting callers learn of it.
   *
   * @returns Whether it was.
   */
  release(key: string, token: string): boolean {
    const held = this.#of(key);
    if (held?.token !== token) return false;
    const { ended, hasWaiters } = held;
    const now = this.#clock.now();
    if (!hasWaiters) this.#held.delete(key);
    else this.#held.set(key, { endsAt: now, forgottenAt: now + ENDED_TTL, ended: ended + 1, hasWaiters });
    return true;
  }

  /** Ends a lease, if it is the token's. @returns Whether it was. */
  finish(key: string, token: string): boolean {
    return this.#of(key)?.token === token && this.#held.delete(key);
  }

  /** Ends the lease on a key, whatever its holder. */
  end(key: string): void {
    this.#held.delete(key);
  }

  /** Ends the leases on keys. */
  endWhere(isMeant: (key: string) => boolean): void {
    for (const key of this.#held.keys()) {
      if (isMeant(key)) this.#held.delete(key);
    }
  }

  #of(key: string): Held | undefined {
    const held = this.#held.get(key);
    return held === undefined || this.#isOver(held) ? undefined : held;
  }

  #sweep(): void {
    for (const [key, held] of this.#held) {
      if (this.#isOver(held)) this.#held.delete(key);
    }
    this.#sweepSize = Math.max(MIN_SWEEP_SIZE, 2 * this.#held.size);
  }

  #isOver({ forgottenAt }: Held): boolean {
    return this.#clock.now() >= forgottenAt;
  }
}
