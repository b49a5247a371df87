import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";

interface Held {
  readonly token: string;
  readonly expiresAt: EpochMilliseconds;
}

/** Below this many leases no sweep is worth its time. */
const LEAST_SWEEP_SIZE = 1000;

/** Who loads which entry. It keeps at most twice as many leases as were held at its last sweep. */
export class MemoryLeases {
  readonly #clock: Clock;
  readonly #held = new Map<string, Held>();
  #sweepSize = LEAST_SWEEP_SIZE;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a lease or keeps it for longer. @returns Whether nobody else has it. */
  take(key: string, token: string, ttl: Milliseconds): boolean {
    const held = this.#held.get(key);
    if (held !== undefined && held.token !== token && !this.#isOver(held)) return false;
    this.#held.set(key, { token, expiresAt: this.#clock.now() + ttl });
    if (this.#held.size >= this.#sweepSize) this.#sweep();
    return true;
  }

  /** Keeps a lease for longer, if it is the token's. @returns Whether it is. */
  renew(key: string, token: string, ttl: Milliseconds): boolean {
    const held = this.#held.get(key);
    return held?.token === token && !this.#isOver(held) && this.take(key, token, ttl);
  }

  /** Ends a lease, if it is the token's. @returns Whether it was. */
  release(key: string, token: string): boolean {
    const held = this.#held.get(key);
    if (held?.token !== token) return false;
    this.#held.delete(key);
    return !this.#isOver(held);
  }

  /** Ends the lease on a key, whoever has it. */
  end(key: string): void {
    this.#held.delete(key);
  }

  /** Ends the leases on keys. */
  endWhere(isMeant: (key: string) => boolean): void {
    for (const key of this.#held.keys()) {
      if (isMeant(key)) this.#held.delete(key);
    }
  }

  #sweep(): void {
    for (const [key, held] of this.#held) {
      if (this.#isOver(held)) this.#held.delete(key);
    }
    this.#sweepSize = Math.max(LEAST_SWEEP_SIZE, 2 * this.#held.size);
  }

  #isOver(held: Held): boolean {
    return this.#clock.now() >= held.expiresAt;
  }
}
