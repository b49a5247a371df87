import { setTimeout as sleep } from "node:timers/promises";

import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { StoreConnectionError, StoreServiceError } from "../core/errors.ts";
import { newNonce } from "../core/ids.ts";
import type { CacheStore, FillResult, Lease, NewValue, StoredValue } from "../stores/cache-store.ts";
import type { CacheMonitor } from "./cache-monitor.ts";
import type { EntryCodec, EntryHeader } from "./entry-codec.ts";
import type { EntryReader, Found } from "./entry-reader.ts";
import { freshnessOf } from "./freshness.ts";
import type { EntryKey } from "./keys.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { LoadPlan } from "./load-options.ts";
import type { Flight } from "./single-flight.ts";
import type { Tags } from "./tags.ts";
import { endsAtOnce } from "./timeouts.ts";

/** What loads work with. */
export interface LoadServices {
  readonly store: CacheStore;
  readonly codec: EntryCodec;
  readonly reader: EntryReader;
  readonly tags: Tags;
  readonly monitor: CacheMonitor;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** How long a lease lasts that is not renewed; `null`: no leases, each process loads for itself. */
  readonly leaseTtl: Milliseconds | null;
  /** Whether the store is being left alone after a failure. */
  readonly isStoreAway: () => boolean;
  /** Makes the deadline of one store operation. */
  readonly newDeadline: () => Deadline;
}

/** Whether to wait when another process is loading, or to leave it at that. */
export type Patience = "wait" | "leave";

/** How the right to load was sought. */
export type Acquired =
  | { readonly status: "leased" }
  | { readonly status: "busy" }
  /** Somebody else has stored a value; `text` is how it was serialized. */
  | { readonly status: "loaded"; readonly text: string };

/** What a loader has given. */
export interface Loaded {
  /** `undefined` is not stored. */
  readonly value: unknown;
  /** How messages name the value. */
  readonly path: string;
  readonly took: Milliseconds;
  readonly ttl: Milliseconds | null;
  /** The tokens that the tags had when the load began. */
  readonly tags: EntryHeader["tags"];
  readonly isSkipped: boolean;
}

/** Whether what was loaded is to be stored. */
export function isStorable({ value, ttl, isSkipped }: Loaded): boolean {
  return value !== undefined && !isSkipped && !endsAtOnce(ttl);
}

/** How a load has ended. */
export interface Finished {
  /** What the callers get, serialized. */
  readonly text: string | undefined;
  /**
   * Whether the entry was deleted, or invalidated by a tag, after the load had begun: who came later must not
   * get it. `"if-invalidated"`: it was stored, so its tags decide.
   */
  readonly isOutdated: boolean | "if-invalidated";
}

/** The entry that a load is for. */
export interface KeyLoadSubject {
  readonly key: EntryKey;
  /** What a read has found there. */
  readonly found: Found;
  readonly flight: Flight;
}

const FIRST_PAUSE: Milliseconds = 10;
const LONGEST_PAUSE: Milliseconds = 150;

/** The load of one entry: from the lease on its key to the fill. */
export class KeyLoad {
  readonly key: EntryKey;
  readonly #services: LoadServices;
  readonly #plan: LoadPlan;
  readonly #flight: Flight;
  readonly #onFill: () => void;
  #lease: Lease;
  /** Whether something lies under the key that cannot be compared with, and so not be replaced. */
  #isBlocked: boolean;
  readonly #keeper: LeaseKeeper;

  /** @param onFill Called when it is about to be stored. */
  constructor(
    services: LoadServices,
    { key, found, flight }: KeyLoadSubject,
    plan: LoadPlan,
    keeper: LeaseKeeper,
    onFill: () => void,
  ) {
    this.key = key;
    this.#keeper = keeper;
    this.#onFill = onFill;
    this.#services = services;
    this.#plan = plan;
    this.#flight = flight;
    this.#lease = { key: key.whole, token: newNonce(), seen: "seen" in found ? found.seen : undefined };
    this.#isBlocked = found.status === "unreadable";
  }

  /** Seeks to be the one, of all processes, who loads. */
  async acquire(patience: Patience): Promise<Acquired> {
    const { store, monitor, newDeadline } = this.#services;
    const { leaseTtl } = this.#keeper;
    if (leaseTtl === null) {
      if (this.#isBlocked) await this.#clearAway();
      return { status: "leased" };
    }
    for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE)) {
      if (this.#isBlocked) await this.#clearAway();
      const result = await store.lease(this.#lease, leaseTtl, newDeadline());
      if (result.status === "leased") {
        this.#keeper.add(this);
        return result;
      }
      if (result.status === "found") {
        const text = await this.#accept(result.value);
        if (text !== undefined) return { status: "loaded", text };
        continue;
      }
      if (patience === "leave") return { status: "busy" };
      if (pause === FIRST_PAUSE) monitor.emit("leaseWait", { key: this.key.given });
      await sleep(pause * (0.5 + this.#services.random()));
    }
  }

  /** Stores what was loaded, unless somebody has written to the key meanwhile. */
  async finish(loaded: Loaded): Promise<Finished> {
    if (loaded.value === undefined) {
      await this.release();
      return { text: undefined, isOutdated: false };
    }
    const { codec, clock } = this.#services;
    const now = clock.now();
    const ttl = this.#jittered(loaded.ttl);
    const header = this.#headerOf(loaded, ttl, now);
    const { text, stored } = codec.write(loaded.value, loaded.path, header);
    if (!isStorable(loaded)) {
      await this.release();
      return { text, isOutdated: false };
    }
    const entry = { value: stored, ttl: ttl === null ? null : ttl + this.#grace };
    const newer = await this.#fill(entry);
    if (newer === "none") return { text, isOutdated: "if-invalidated" };
    return { text: newer ?? text, isOutdated: newer === undefined };
  }

  /** Lets others load. */
  async release(): Promise<void> {
    this.stop();
    const { store, leaseTtl, newDeadline } = this.#services;
    if (leaseTtl !== null) await store.release(this.#lease, newDeadline());
  }

  /** Ends the renewal: the lease ends by itself. */
  stop(): void {
    this.#keeper.delete(this);
  }

  get #grace(): Milliseconds {
    return Math.max(this.#plan.rules.stale, this.#plan.rules.staleIfError);
  }

  #jittered(ttl: Milliseconds | null): Milliseconds | null {
    if (ttl === null || ttl <= 0 || this.#plan.rules.jitter === 0) return ttl;
    return Math.max(1, ttl * (1 - this.#plan.rules.jitter * this.#services.random()));
  }

  #headerOf({ took, tags }: Loaded, ttl: Milliseconds | null, now: number): EntryHeader | undefined {
    const isPlain = this.#grace === 0 && this.#plan.rules.early === 0 && tags === undefined;
    if (isPlain) return undefined;
    return {
      at: now,
      nonce: newNonce(),
      freshUntil: ttl === null ? undefined : now + ttl,
      took: Math.round(took),
      tags,
    };
  }

  /**
   * @returns What somebody else has stored meanwhile; `undefined` when that is of no use; `"none"` when
   * nobody has.
   */
  async #fill(entry: NewValue): Promise<string | undefined> {
    this.stop();
    const { store, leaseTtl, monitor, newDeadline } = this.#services;
    // Who comes from now on reads what the store says, or waits for the lease.
    if (leaseTtl !== null) this.#onFill();
    const result =
      leaseTtl === null ? await this.#fillUnleased(entry) : await store.fill(this.#lease, entry, newDeadline());
    if (result.status === "stored") return "none";
    if (result.status === "unstored") {
      monitor.emit("storeError", { operation: "fill", error: result.error });
      return "none";
    }
    monitor.emit("overruled", { key: this.key.given });
    return result.value === undefined ? undefined : this.#accept(result.value);
  }

  /** Without leases only the writers of this process are known. */
  async #fillUnleased(entry: NewValue): Promise<FillResult> {
    const { store, newDeadline } = this.#services;
    const { key, seen } = this.#lease;
    if (!this.#flight.isOverruled) {
      const condition = seen === undefined ? "if-absent" : "always";
      const [isStored = false] = await store.setMany([{ key, ...entry }], condition, newDeadline());
      if (isStored) return { status: "stored" };
    }
    return { status: "overruled", value: await store.get(key, newDeadline()) };
  }

  /** What is under the key now: of use to those who wait, or what is to be replaced. */
  async #accept(stored: StoredValue): Promise<string | undefined> {
    const { reader, clock, random, newDeadline } = this.#services;
    const found = await reader.judge(this.key, stored, this.#plan, newDeadline());
    this.#lease = { ...this.#lease, seen: "seen" in found ? found.seen : undefined };
    this.#isBlocked = found.status === "unreadable";
    if (found.status !== "entry") return undefined;
    const freshness = freshnessOf(found.header, this.#plan.rules, clock.now(), random);
    return freshness === "fresh" || freshness === "due" ? found.text : undefined;
  }

  async #clearAway(): Promise<void> {
    const { store, newDeadline } = this.#services;
    await store.deleteMany([this.key.whole], newDeadline());
    this.#isBlocked = false;
  }

  /** Lets the lease last for longer. */
  async renew(leaseTtl: Milliseconds): Promise<void> {
    const { store, monitor, newDeadline } = this.#services;
    try {
      if (!(await store.renew(this.#lease, leaseTtl, newDeadline()))) this.stop();
    } catch (error) {
      if (!(error instanceof StoreConnectionError || error instanceof StoreServiceError)) throw error;
      monitor.emit("storeError", { operation: "renew", error });
    }
  }
}
