import type { Clock, Milliseconds } from "../../core/clock.ts";
import { MAX_LEASE } from "../../stores/cache-store.ts";
import { COMMANDS_AT_ONCE } from "../../stores/chunks.ts";

/** A load that holds a lease. */
interface Held {
  renew(leaseTtl: Milliseconds): Promise<void>;
}

/**
 * Maximum number of leases of one call that last as long as the setting says. With more, each lasts
 * for as many times that, since taking or renewing all of them takes longer: measured on a busy
 * machine, 10 000 to 40 000 a second.
 */
const LEASES_A_TERM = 2000;

/**
 * Renews the leases of loads that began together while the loads run, each a quarter of its
 * duration after the last renewal.
 */
export class LeaseKeeper {
  /** Duration of a lease from its start or renewal; `null` if there are no leases. */
  readonly leaseTtl: Milliseconds | null;
  readonly #clock: Clock;
  /** Time of the start or renewal of each lease, the oldest first. */
  readonly #held = new Map<Held, Milliseconds>();
  #timer: NodeJS.Timeout | undefined;
  #isRenewing = false;

  /**
   * @param leaseTtl Duration of a lease that is not renewed, if there are few; `null` if there are
   *   no leases.
   * @param count Maximum number of leases.
   */
  constructor(leaseTtl: Milliseconds | null, count: number, clock: Clock) {
    const terms = Math.ceil(count / LEASES_A_TERM);
    this.leaseTtl = leaseTtl === null ? null : Math.min(leaseTtl * terms, MAX_LEASE);
    this.#clock = clock;
  }

  add(load: Held): void {
    this.#held.set(load, this.#clock.monotonic());
    const { leaseTtl } = this;
    if (leaseTtl === null || this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.#renewDue(leaseTtl), leaseTtl / 6);
    this.#timer.unref();
  }

  delete(load: Held): void {
    this.#held.delete(load);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #renewDue(leaseTtl: Milliseconds): Promise<void> {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    try {
      for (let due = this.#takeDue(leaseTtl); due.length > 0; due = this.#takeDue(leaseTtl)) {
        await Promise.all(due.map((load) => load.renew(leaseTtl)));
      }
    } finally {
      this.#isRenewing = false;
    }
  }

  #takeDue(leaseTtl: Milliseconds): readonly Held[] {
    const now = this.#clock.monotonic();
    const due: Held[] = [];
    for (const [load, since] of this.#held) {
      // Every second tick of the timer, which may come early.
      if (now - since < leaseTtl / 4 || due.length === COMMANDS_AT_ONCE) break;
      due.push(load);
    }
    for (const load of due) {
      this.#held.delete(load);
      this.#held.set(load, now);
    }
    return due;
  }
}
