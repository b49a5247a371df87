import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { CacheNotIntegerError } from "../core/errors.ts";
import { newNonce } from "../core/ids.ts";
import type { CacheStore, FillResult, StoredValue } from "../stores/cache-store.ts";
import type { CacheCore } from "./cache-core.ts";
import { EntryReader, type Found, MISSING, type ReadPlan } from "./entry/entry-reader.ts";
import type { EntryKey } from "./keys/keys.ts";
import { requireCapability } from "./requirements.ts";

/** A value, and its time to live; `null` is no expiry. */
export interface LeasedValue {
  readonly value: unknown;
  readonly ttl: Milliseconds | null;
}

/** A value of a key. */
export interface KeyedValue extends LeasedValue {
  readonly key: string;
}

/** The right of one caller to make the entry of a key. */
export interface EntryLease {
  readonly key: string;
  readonly token: string;
  /** The entry that is there, and is going to be replaced; `undefined` if there is none. */
  readonly expected: StoredValue | undefined;
}

/** Answer to a request for a lease. `"found"`: another caller has made the entry. */
export type EntryLeaseResult =
  | { readonly status: "leased" }
  /** `ended` grows with each lease that ends without an entry while others wait. */
  | { readonly status: "busy"; readonly ended: number }
  | { readonly status: "found" };

const FEATURE = "a cache handler of a framework";

/**
 * @internal Entries of integrations that one caller of all processes makes at a time. They count
 * neither as hits nor as misses, and failures are thrown whatever `onStoreError` says.
 */
export class LeasedEntries {
  readonly #core: CacheCore;
  readonly #store: CacheStore;
  readonly #reader: EntryReader;

  /** @throws {ImproperlyConfigured} When the store can neither count nor compare and set. */
  constructor(core: CacheCore) {
    requireCapability(core.strictStore, "atomicIncrement", FEATURE, core.path);
    requireCapability(core.strictStore, "compareAndSet", FEATURE, core.path);
    this.#core = core;
    this.#store = core.strictStore;
    this.#reader = new EntryReader(core.strictStore, core.codec, core.tags, core.monitor, core.clocks);
  }

  get clock(): Clock {
    return this.#core.clock;
  }

  /** Duration of a lease that is not renewed; `null`: each process makes its entries for itself. */
  get leaseTtl(): Milliseconds | null {
    return this.#core.settings.lease;
  }

  newDeadline(): Deadline {
    return this.#core.newDeadline();
  }

  /** Reads entries, in the order of their keys. */
  async readMany(keys: readonly string[], deadline: Deadline): Promise<Found[]> {
    const version = await this.#version(deadline);
    const plan: ReadPlan = { tags: [], version, onCorrupt: "miss" };
    return this.#reader.readMany(this.#core.keys.ofEach(keys, version), plan, deadline);
  }

  /**
   * Stores each value if its key has none.
   *
   * @returns The entries that are there then, in the order of the keys.
   */
  async ensureMany(values: readonly KeyedValue[], deadline: Deadline): Promise<Found[]> {
    const version = await this.#version(deadline);
    const keys = values.map(({ key }) => this.#core.keys.of(key, version));
    const entries = values.map(({ value, ttl }, index) => {
      const { storageKey } = keys[index] as EntryKey;
      return { key: storageKey, value: this.#write(value), ttl };
    });
    const stored = await this.#store.ensureMany(entries, deadline);
    const plan: ReadPlan = { tags: [], version, onCorrupt: "miss" };
    return Promise.all(
      keys.map(async (key, index) => {
        const each = stored[index];
        return each === undefined ? MISSING : this.#reader.validate(key, each, plan, deadline);
      }),
    );
  }

  /** Stores a value, whatever is there. */
  async put(key: string, { value, ttl }: LeasedValue, deadline: Deadline): Promise<void> {
    const entry = { key: await this.#at(key, deadline), value: this.#writeNamed(value), ttl };
    await this.#store.set(entry, "always", deadline);
  }

  /**
   * Replaces an entry if it is still the one that was read; stores one if there was none.
   *
   * @returns Whether it was.
   */
  async replace(
    key: string,
    found: Found,
    { value, ttl }: LeasedValue,
    deadline: Deadline,
  ): Promise<boolean> {
    const at = await this.#at(key, deadline);
    const next = { value: this.#write(value), ttl };
    if (found.status === "missing") return this.#store.set({ key: at, ...next }, "if-absent", deadline);
    if (!("expected" in found)) return this.#store.set({ key: at, ...next }, "always", deadline);
    return this.#store.compareAndSet(at, found.expected, next, deadline);
  }

  /** Adds one to a counter; a missing one starts. @returns The count. */
  async count(key: string, start: number, deadline: Deadline): Promise<number> {
    const at = await this.#at(key, deadline);
    const begin = { value: String(start), ttl: null };
    const result = await this.#store.incr(at, 1n, deadline, { begin });
    if (result.status === "incremented") return Number(result.value);
    if (result.status === "missing") return start;
    throw new CacheNotIntegerError(key);
  }

  /** Returns a request for the lease on a key. @param found Result of the read that was a miss. */
  async newLease(key: string, found: Found, deadline: Deadline): Promise<EntryLease> {
    const at = await this.#at(key, deadline);
    // An entry that cannot be read cannot be compared.
    if (found.status === "unreadable") await this.#store.deleteMany([at], deadline);
    return { key: at, token: newNonce(), expected: "expected" in found ? found.expected : undefined };
  }

  /** Takes the lease on a key. */
  async take(lease: EntryLease, ttl: Milliseconds, deadline: Deadline): Promise<EntryLeaseResult> {
    const result = await this.#store.lease(lease, ttl, deadline);
    return result.status === "found" ? { status: "found" } : result;
  }

  /** Extends a lease. @returns Whether the caller still holds it. */
  renew(lease: EntryLease, ttl: Milliseconds): Promise<boolean> {
    return this.#store.renew(lease, ttl, this.newDeadline());
  }

  /** Stores a value if the lease is still held, and the key was not written to meanwhile. */
  fill(lease: EntryLease, { value, ttl }: LeasedValue, deadline: Deadline): Promise<FillResult> {
    return this.#store.fill(lease, { value: this.#writeNamed(value), ttl }, deadline);
  }

  /** Ends a lease without an entry. Waiting callers learn of it. */
  async release(lease: EntryLease): Promise<void> {
    await this.#store.release(lease, this.newDeadline());
  }

  #write(value: unknown): StoredValue {
    return this.#core.codec.write(value, "the entry").stored;
  }

  /** A name at its beginning spares comparisons of long values. */
  #writeNamed(value: unknown): StoredValue {
    return this.#core.codec.write(value, "the entry", { at: this.clock.now(), nonce: newNonce() }).stored;
  }

  async #at(key: string, deadline: Deadline): Promise<string> {
    return this.#core.keys.of(key, await this.#version(deadline)).storageKey;
  }

  async #version(deadline: Deadline): Promise<number> {
    return this.#core.knownVersion({}) ?? this.#core.currentVersion(deadline);
  }
}
