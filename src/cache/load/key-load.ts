import { setTimeout as sleep } from "node:timers/promises";

import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { isStoreError } from "../../core/errors.ts";
import { newNonce } from "../../core/ids.ts";
import type {
  CacheStore,
  FillResult,
  Lease,
  LeaseResult,
  NewValue,
  StoredValue,
} from "../../stores/cache-store.ts";
import { isNotSent } from "../../stores/partial-failures.ts";
import type { EntryCodec, EntryHeader } from "../entry/entry-codec.ts";
import type { EntryReader, Found } from "../entry/entry-reader.ts";
import { freshnessOf } from "../entry/freshness.ts";
import type { Tags } from "../entry/tags.ts";
import type { EntryKey } from "../keys/keys.ts";
import type { CacheMonitor } from "../monitor/cache-monitor.ts";
import { endsAtOnce } from "../options/timeouts.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import { graceOf, type LoadPlan, storedFor } from "./load-options.ts";
import type { Flight } from "./single-flight.ts";

/** Parts that loads use. */
export interface LoadServices {
  readonly store: CacheStore;
  readonly codec: EntryCodec;
  readonly reader: EntryReader;
  readonly tags: Tags;
  readonly monitor: CacheMonitor;
  readonly clock: Clock;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
  /** Duration of a lease that is not renewed; `null`: no leases, each process loads for itself. */
  readonly leaseTtl: Milliseconds | null;
  /** Returns whether the store is paused after a failure. */
  readonly isStoreAway: () => boolean;
  /** Location of the entries: caches with the same place see each other's entries and leases. */
  readonly place: unknown;
  /** Makes the deadline of one store operation. */
  readonly newDeadline: () => Deadline;
}

/** Behaviour when another process is loading: wait for it, or return. */
export type OnBusy = "wait" | "skip";

/** Result of an attempt to acquire the right to load. */
export type Acquired =
  | { readonly status: "leased" }
  /**
   * The load that this one waited for ended without a value: this one goes on, and stores nothing.
   */
  | { readonly status: "alone" }
  /** Another caller is loading, and this one does not wait, or has stopped waiting. */
  | { readonly status: "busy" }
  /** Another caller has stored a value; `text` is its serialized form. */
  | { readonly status: "loaded"; readonly text: string };

/** Answer of the store to a request for a lease. `"found"`: the value there is not usable. */
type Sought =
  | Exclude<LeaseResult, { status: "found" }>
  | { readonly status: "found" }
  | { readonly status: "loaded"; readonly text: string };

/** Result of a loader. */
export interface Loaded {
  /** `undefined` is not stored. */
  readonly value: unknown;
  /** Name of the value in messages. */
  readonly path: string;
  readonly took: Milliseconds;
  readonly ttl: Milliseconds | null;
  /** Tokens of the tags when the load began. */
  readonly tags: EntryHeader["tags"];
  readonly isSkipped: boolean;
}

/** Returns whether a loaded value is to be stored. */
export function isStorable({ value, ttl, isSkipped }: Loaded): boolean {
  return value !== undefined && !isSkipped && !endsAtOnce(ttl);
}

/** Outcome of a load. */
export interface Finished {
  /** Serialized value for the callers. */
  readonly text: string | undefined;
  /**
   * Whether the entry was deleted, or invalidated by a tag, after the load began: later callers
   * must not get the value. `"if-invalidated"`: the tags decide.
   */
  readonly isOutdated: boolean | "if-invalidated";
}

/** The entry that a load is for. */
export interface KeyLoadSubject {
  readonly key: EntryKey;
  /** Result of the read. */
  readonly found: Found;
  readonly flight: Flight;
}

const MIN_PAUSE: Milliseconds = 10;
const MAX_PAUSE: Milliseconds = 150;

/**
 * A pause takes this part of the time waited so far, which bounds the excess wait to the same part.
 */
const PAUSE_SHARE = 1 / 8;

/** Parts of a {@link KeyLoad} beside the services of all loads. */
export interface KeyLoadContext {
  readonly plan: LoadPlan;
  readonly keeper: LeaseKeeper;
  /**
   * Deadline of all store steps of the load. It is paused while the loader runs, or another process
   * loads.
   */
  readonly deadline: Deadline;
  /**
   * Called when no caller may join any more that could have come after a write of another process.
   */
  readonly onSeal: () => void;
}

/** Load of one entry: from the lease on its key to the fill. */
export class KeyLoad {
  readonly key: EntryKey;
  readonly #services: LoadServices;
  readonly #context: KeyLoadContext;
  readonly #flight: Flight;
  #lease: Lease;
  /** Whether the key holds a value that cannot be compared, and so cannot be replaced. */
  #isBlocked: boolean;
  /** Whether the store has granted the lease, or may have. */
  #mayHoldLease = false;

  constructor(services: LoadServices, { key, found, flight }: KeyLoadSubject, context: KeyLoadContext) {
    this.key = key;
    this.#services = services;
    this.#context = context;
    this.#flight = flight;
    this.#lease = {
      key: key.storageKey,
      token: newNonce(),
      expected: "expected" in found ? found.expected : undefined,
    };
    this.#isBlocked = found.status === "unreadable";
  }

  /** Tries to acquire the right to load, which one process has at a time. */
  async acquire(onBusy: OnBusy): Promise<Acquired> {
    const { monitor, clock, random } = this.#services;
    const { deadline, onSeal } = this.#context;
    const startedAt = clock.monotonic();
    let ended: number | undefined;
    for (;;) {
      const result = await this.#seekLease();
      if (result.status === "leased" || result.status === "loaded") return result;
      if (result.status === "found") continue;
      if (onBusy === "skip") return { status: "busy" };
      if (ended === undefined) monitor.emit("leaseWait", { key: this.key.key });
      else if (result.ended > ended) {
        // From here on, a write of another process goes unnoticed.
        onSeal();
        return { status: "alone" };
      }
      ended = Math.min(ended ?? result.ended, result.ended);
      const waited = clock.monotonic() - startedAt;
      const pause = Math.min(Math.max(waited * PAUSE_SHARE, MIN_PAUSE), MAX_PAUSE);
      await sleep(pause * (0.5 + random()));
      if (this.#flight.isAbandoned) return { status: "busy" };
      // The time that has passed belongs to another load.
      deadline.restart();
    }
  }

  /** Stores the loaded value, unless another writer has written to the key meanwhile. */
  async finish(loaded: Loaded): Promise<Finished> {
    if (loaded.value === undefined) return this.#finishWithout(undefined);
    const { codec, clock } = this.#services;
    const now = clock.now();
    const ttl = this.#jittered(loaded.ttl);
    const header = this.#headerOf(loaded, ttl, now);
    const { text, stored } = codec.write(loaded.value, loaded.path, header);
    if (!isStorable(loaded) || !this.#canFill) return this.#finishWithout(text);
    const entry = { value: stored, ttl: storedFor(ttl, this.#context.plan) };
    const newer = await this.#fill(entry);
    if (newer === "none") return { text, isOutdated: "if-invalidated" };
    return { text: newer ?? text, isOutdated: newer === undefined };
  }

  /**
   * Releases the lease, so that others can load.
   *
   * @param deadline Replaces the deadline of the load, which may have passed.
   * @returns Whether the lease was held to the end; `undefined` if there was none.
   */
  async release(deadline: Deadline = this.#context.deadline): Promise<boolean | undefined> {
    this.stop();
    if (!this.#mayHoldLease) return undefined;
    this.#mayHoldLease = false;
    return this.#services.store.release(this.#lease, deadline);
  }

  /** Stops the renewal, so that the lease expires. */
  stop(): void {
    this.#context.keeper.delete(this);
  }

  /** Returns a value to the callers without storing it. */
  async #finishWithout(text: string | undefined): Promise<Finished> {
    if (this.#mayHoldLease) this.#context.onSeal();
    const isHeld = await this.release();
    if (isHeld !== undefined) return { text, isOutdated: isHeld ? "if-invalidated" : true };
    return { text, isOutdated: this.#flight.isSuperseded };
  }

  /** Requests the lease from the store once. */
  async #seekLease(): Promise<Sought> {
    const { store } = this.#services;
    const { keeper, deadline, onSeal } = this.#context;
    const { leaseTtl } = keeper;
    if (this.#isBlocked) await this.#clearAway();
    if (leaseTtl === null) return { status: "leased" };
    this.#mayHoldLease = true;
    const result = await store.lease(this.#lease, leaseTtl, deadline).catch((error: unknown) => {
      this.#mayHoldLease = !isNotSent(error);
      throw error;
    });
    if (result.status === "leased") {
      keeper.add(this);
      return result;
    }
    this.#mayHoldLease = false;
    if (result.status === "busy") return result;
    // The value may be deleted while the rest of the group loads.
    onSeal();
    const text = await this.#accept(result.value);
    return text === undefined ? { status: "found" } : { status: "loaded", text };
  }

  /** Whether a value may be stored: with a lease, or when each process loads for itself. */
  get #canFill(): boolean {
    return this.#mayHoldLease || this.#context.keeper.leaseTtl === null;
  }

  #jittered(ttl: Milliseconds | null): Milliseconds | null {
    if (ttl === null || ttl <= 0 || this.#context.plan.rules.jitter === 0) return ttl;
    return Math.max(1, ttl * (1 - this.#context.plan.rules.jitter * this.#services.random()));
  }

  #headerOf({ took, tags }: Loaded, ttl: Milliseconds | null, now: number): EntryHeader | undefined {
    const grace = graceOf(this.#context.plan);
    const isPlain = grace === 0 && this.#context.plan.rules.early === 0 && tags === undefined;
    if (isPlain) return undefined;
    return {
      at: now,
      nonce: newNonce(),
      freshUntil: ttl === null ? undefined : now + ttl,
      grace,
      took: Math.round(took),
      tags,
    };
  }

  /**
   * @returns The value that another writer has stored meanwhile; `undefined` when it is not usable;
   *   `"none"` when there was no such write.
   */
  async #fill(entry: NewValue): Promise<string | undefined> {
    this.stop();
    const { store, monitor } = this.#services;
    const { keeper, deadline, onSeal } = this.#context;
    // From here on, new callers read from the store or wait for the lease.
    if (keeper.leaseTtl !== null) onSeal();
    const result =
      keeper.leaseTtl === null
        ? await this.#fillUnleased(entry)
        : await store.fill(this.#lease, entry, deadline);
    this.#mayHoldLease = false;
    if (result.status === "stored") return "none";
    if (result.status === "unstored") {
      monitor.emit("storeError", { operation: "fill", error: result.error });
      return "none";
    }
    monitor.emit("superseded", { key: this.key.key });
    return result.value === undefined ? undefined : this.#accept(result.value);
  }

  /** Stores the value without a lease, which detects writers of this process only. */
  async #fillUnleased(entry: NewValue): Promise<FillResult> {
    const { store } = this.#services;
    const { deadline } = this.#context;
    const { key, expected } = this.#lease;
    if (!this.#flight.isSuperseded) {
      const condition = expected === undefined ? "if-absent" : "always";
      if (await store.set({ key, ...entry }, condition, deadline)) return { status: "stored" };
    }
    return { status: "superseded", value: await store.get(key, deadline) };
  }

  /** Reads the entry that is now under the key. @returns Its text, if it is fresh. */
  async #accept(stored: StoredValue): Promise<string | undefined> {
    const { reader, clock, random } = this.#services;
    const { plan, deadline } = this.#context;
    const found = await reader.validate(this.key, stored, plan, deadline);
    this.#lease = { ...this.#lease, expected: "expected" in found ? found.expected : undefined };
    this.#isBlocked = found.status === "unreadable";
    if (found.status !== "entry") return undefined;
    const freshness = freshnessOf(found.header, plan.rules, clock.now(), random);
    return freshness === "fresh" || freshness === "refresh" ? found.text : undefined;
  }

  async #clearAway(): Promise<void> {
    await this.#services.store.deleteMany([this.key.storageKey], this.#context.deadline);
    this.#isBlocked = false;
  }

  /** Extends the lease. */
  async renew(leaseTtl: Milliseconds): Promise<void> {
    const { store, monitor, newDeadline } = this.#services;
    try {
      if (!(await store.renew(this.#lease, leaseTtl, newDeadline()))) this.stop();
    } catch (error) {
      if (!isStoreError(error)) throw error;
      monitor.emit("storeError", { operation: "renew", error });
    }
  }
}
