import type { Milliseconds } from "../../core/clock.ts";
import { pause as pauseByTimer } from "../../core/timers.ts";
import type { Found } from "../../cache/entry/entry-reader.ts";
import type { EntryLease, LeasedEntries } from "../../cache/leased-entries.ts";
import { LeaseKeeper } from "../../cache/load/lease-keeper.ts";

/** Waits between two requests for a lease. */
export type Pause = (span: Milliseconds) => Promise<void>;

/** Outcome of a wait for the right to make an entry. */
export type Turn =
  /** The caller makes the entry: with a lease, or because it has waited long enough. */
  | "make"
  /** Another caller has made it. */
  | "made";

/** Context of {@link Leases}. */
export interface LeasesContext {
  readonly entries: LeasedEntries;
  readonly maxWait: Milliseconds;
  readonly onError: (error: unknown) => void;
  /** @defaultValue a timer */
  readonly pause?: Pause | undefined;
}

const MIN_PAUSE: Milliseconds = 10;
const MAX_PAUSE: Milliseconds = 150;
/** A pause takes this part of the time waited so far. */
const PAUSE_SHARE = 1 / 8;

/** Maximum number of keys that are known to end without an entry. */
const MAX_FRUITLESS = 1000;

/** A lease of this process. */
export interface HeldLease {
  readonly key: string;
  readonly lease: EntryLease;
  /** Whether it is neither renewed nor released any more. */
  isOver: boolean;
  renew(leaseTtl: Milliseconds): Promise<void>;
}

/** The leases of this process, by the keys of their entries. */
export class Leases {
  readonly #context: LeasesContext;
  readonly #keeper: LeaseKeeper | undefined;
  readonly #held = new Map<string, HeldLease>();
  /** Keys whose calls end without an entry: nobody waits for those. */
  readonly #fruitless = new Set<string>();

  constructor(context: LeasesContext) {
    const { entries, maxWait } = context;
    const isWaiting = entries.leaseTtl !== null && maxWait > 0;
    this.#context = context;
    this.#keeper = isWaiting ? new LeaseKeeper(entries.leaseTtl, 1, entries.clock) : undefined;
  }

  /**
   * Takes the lease on a key, or waits for the caller that has it.
   *
   * @param until End of the wait, on the monotonic clock.
   */
  async takeOrWait(key: string, found: Found, until: Milliseconds): Promise<Turn> {
    const { entries, pause = pauseByTimer } = this.#context;
    const leaseTtl = this.#keeper?.leaseTtl ?? null;
    if (leaseTtl === null || this.#fruitless.has(key)) return "make";
    const lease = await entries.newLease(key, found, entries.newDeadline());
    const start = entries.clock.monotonic();
    let ended: number | undefined;
    while (true) {
      const result = await entries.take(lease, leaseTtl, entries.newDeadline());
      if (result.status === "leased") return this.#hold(key, lease);
      if (result.status === "found") return "made";
      const now = entries.clock.monotonic();
      if ((ended !== undefined && result.ended > ended) || now >= until) return "make";
      ended = Math.min(ended ?? result.ended, result.ended);
      const span = Math.min(Math.max((now - start) * PAUSE_SHARE, MIN_PAUSE), MAX_PAUSE);
      // Jitter, so that waiters do not ask in lockstep.
      await pause(Math.min(span * (0.5 + Math.random()), until - now));
    }
  }

  /** Returns the lease of a key for the caller that has made the entry; it is renewed until {@link end}. */
  claim(key: string): HeldLease | undefined {
    const held = this.#held.get(key);
    this.#held.delete(key);
    return held;
  }

  /** Stops the renewal of a lease. */
  end(held: HeldLease): void {
    held.isOver = true;
    this.#keeper?.delete(held);
    if (this.#held.get(held.key) === held) this.#held.delete(held.key);
  }

  /** Ends a lease without an entry, so that others go on. */
  async release(held: HeldLease): Promise<void> {
    if (held.isOver) return;
    this.end(held);
    try {
      await this.#context.entries.release(held.lease);
    } catch (error) {
      this.#context.onError(error);
    }
  }

  /** Notes whether calls of a key end with an entry. */
  note(key: string, isFruitful: boolean): void {
    this.#fruitless.delete(key);
    if (isFruitful) return;
    this.#fruitless.add(key);
    const [oldest = ""] = this.#fruitless;
    if (this.#fruitless.size > MAX_FRUITLESS) this.#fruitless.delete(oldest);
  }

  #hold(key: string, lease: EntryLease): "make" {
    const { entries, maxWait } = this.#context;
    const end = entries.clock.monotonic() + maxWait;
    const renew = (leaseTtl: Milliseconds): Promise<void> => this.#renew(held, leaseTtl, end);
    const held: HeldLease = { key, lease, renew, isOver: false };
    this.#held.set(key, held);
    this.#keeper?.add(held);
    return "make";
  }

  async #renew(held: HeldLease, leaseTtl: Milliseconds, end: Milliseconds): Promise<void> {
    const { entries, onError } = this.#context;
    if (entries.clock.monotonic() >= end) {
      // Next calls set() after nearly each get() without a result.
      this.note(held.key, false);
      await this.release(held);
      return;
    }
    try {
      if (!(await entries.renew(held.lease, leaseTtl))) this.end(held);
    } catch (error) {
      onError(error);
    }
  }
}
