import { setTimeout as sleep } from "node:timers/promises";

import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { StoreConnectionError, StoreServiceError } from "../core/errors.ts";
import { newNonce } from "../core/ids.ts";
import type { CacheStore, Lease, StoredValue } from "../stores/cache-store.ts";
import type { CacheMonitor } from "./cache-monitor.ts";
import type { EntryCodec, EntryHeader } from "./entry-codec.ts";
import type { EntryReader, Found } from "./entry-reader.ts";
import { freshnessOf } from "./freshness.ts";
import type { EntryKey } from "./keys.ts";
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

const FIRST_PAUSE: Milliseconds = 10;
const LONGEST_PAUSE: Milliseconds = 200;

/** The load of one entry: from the lease on its key to the fill. */
export class KeyLoad {
  readonly key: EntryKey;
  readonly #services: LoadServices;
  readonly #plan: LoadPlan;
  readonly #flight: Flight;
  #lease: Lease;
  #renewal: NodeJS.Timeout | undefined;

  constructor(services: LoadServices, key: EntryKey, plan: LoadPlan, found: Found, flight: Flight) {
    this.key = key;
    this.#services = services;
    this.#plan = plan;
    this.#flight = flight;
    this.#lease = { key: key.whole, token: newNonce(), seen: found.status === "missing" ? undefined : found.seen };
  }

  /** Seeks to be the one, of all processes, who loads. */
  async acquire(patience: Patience): Promise<Acquired> {
    const { store, leaseTtl, monitor, newDeadline } = this.#services;
    if (leaseTtl === null) return { status: "leased" };
    for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE)) {
      if (isLossy(this.#lease.seen)) await this.#clearAway();
      const result = await store.lease(this.#lease, leaseTtl, newDeadline());
      if (result.status === "leased") {
        this.#keepLease(leaseTtl);
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

  /** Stores what was loaded, unless somebody has written to the key meanwhile. @returns What the callers get, serialized. */
  async finish(loaded: Loaded): Promise<string | undefined> {
    if (loaded.value === undefined) {
      await this.release();
      return undefined;
    }
    const { codec, clock } = this.#services;
    const now = clock.now();
    const ttl = this.#jittered(loaded.ttl);
    const header = this.#headerOf(loaded, ttl, now);
    const { text, stored } = codec.write(loaded.value, loaded.path, header);
    if (loaded.isSkipped || endsAtOnce(ttl)) {
      await this.release();
      return text;
    }
    const newer = await this.#fill({ value: stored, ttl: ttl === null ? null : ttl + this.#grace });
    return newer ?? text;
  }

  /** Lets others load. */
  async release(): Promise<void> {
    this.stop();
    const { store, leaseTtl, newDeadline } = this.#services;
    if (leaseTtl !== null) await store.release(this.#lease, newDeadline());
  }

  /** Ends the renewal: the lease ends by itself. */
  stop(): void {
    clearInterval(this.#renewal);
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

  /** @returns What somebody else has stored meanwhile, if it is of use. */
  async #fill(entry: { readonly value: StoredValue; readonly ttl: Milliseconds | null }): Promise<string | undefined> {
    this.stop();
    const { store, leaseTtl, monitor, newDeadline } = this.#services;
    const result =
      leaseTtl === null ? await this.#fillUnleased(entry) : await store.fill(this.#lease, entry, newDeadline());
    if (result.status === "stored") return undefined;
    monitor.emit("overruled", { key: this.key.given });
    return result.value === undefined ? undefined : this.#accept(result.value);
  }

  /** Without leases only the writers of this process are known. */
  async #fillUnleased(entry: { readonly value: StoredValue; readonly ttl: Milliseconds | null }) {
    const { store, newDeadline } = this.#services;
    const { key, seen } = this.#lease;
    if (!this.#flight.isOverruled) {
      const condition = seen === undefined ? "if-absent" : "always";
      const [isStored = false] = await store.setMany([{ key, ...entry }], condition, newDeadline());
      if (isStored) return { status: "stored" } as const;
    }
    return { status: "overruled", value: await store.get(key, newDeadline()) } as const;
  }

  /** What is under the key now: of use to those who wait, or what is to be replaced. */
  async #accept(stored: StoredValue): Promise<string | undefined> {
    const { reader, clock, random, newDeadline } = this.#services;
    const found = await reader.judge(this.key, stored, this.#plan, newDeadline());
    if (found.status === "missing") return undefined;
    this.#lease = { ...this.#lease, seen: found.seen };
    if (found.status === "dead") return undefined;
    const freshness = freshnessOf(found.header, this.#plan.rules, clock.now(), random);
    return freshness === "fresh" || freshness === "due" ? found.text : undefined;
  }

  /** What cannot be compared cannot be replaced, so it is deleted. */
  async #clearAway(): Promise<void> {
    const { store, newDeadline } = this.#services;
    await store.deleteMany([this.key.whole], newDeadline());
    this.#lease = { ...this.#lease, seen: undefined };
  }

  #keepLease(leaseTtl: Milliseconds): void {
    this.#renewal = setInterval(() => void this.#renew(leaseTtl), leaseTtl / 3);
    this.#renewal.unref();
  }

  async #renew(leaseTtl: Milliseconds): Promise<void> {
    const { store, monitor, newDeadline } = this.#services;
    try {
      // What it answers is of no interest: a lease that is lost makes the fill fail.
      await store.lease(this.#lease, leaseTtl, newDeadline());
    } catch (error) {
      if (!(error instanceof StoreConnectionError || error instanceof StoreServiceError)) throw error;
      monitor.emit("storeError", { operation: "lease", error });
    }
  }
}

/** Whether it was read from bytes that are no UTF-8, such as a pickle: sent back, it is not what is there. */
function isLossy(seen: StoredValue | undefined): boolean {
  return typeof seen === "string" && seen.includes("\ufffd");
}
