import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { CacheNotIntegerError } from "../core/errors.ts";
import { NO_OPTIONS } from "./options/cache-calls.ts";
import type { CacheCore } from "./cache-core.ts";
import { type Found, toReadPlan } from "./entry/entry-reader.ts";
import type { EntryKey } from "./keys/keys.ts";
import { requireCapability } from "./requirements.ts";
import { type Timeout, toTtl } from "./options/timeouts.ts";

/** Start and bound of a counter. */
export interface CountOptions {
  /**
   * Time to live of a new counter, which starts at the delta. @defaultValue no counter is started
   */
  readonly timeout?: Timeout | undefined;
  /** Minimum left in the counter. @defaultValue no bound */
  readonly least?: bigint | undefined;
}

/**
 * @internal Counters of rate limits: entries of a cache. The steps of one call share one deadline.
 */
export class Counters {
  readonly #core: CacheCore;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  get clock(): Clock {
    return this.#core.clock;
  }

  /** Runs the steps of one call. @throws {ImproperlyConfigured} When the store cannot count. */
  async during<Result>(call: (steps: CountingSteps) => Promise<Result>): Promise<Result> {
    requireCapability(this.#core.store, "atomicIncrement", "a rate limit", this.#core.path);
    const deadline = this.#core.newDeadline();
    const version = this.#core.knownVersion(NO_OPTIONS) ?? (await this.#core.currentVersion(deadline));
    return call(new CountingSteps(this.#core, version, deadline));
  }
}

/** The steps of a counting call. They count neither as hits nor as misses. */
export class CountingSteps {
  readonly #core: CacheCore;
  readonly #version: number;
  readonly #deadline: Deadline;

  constructor(core: CacheCore, version: number, deadline: Deadline) {
    this.#core = core;
    this.#version = version;
    this.#deadline = deadline;
  }

  /** Reads a value; `undefined` if there is none. @throws {CacheCorruptError} */
  async get(key: string): Promise<unknown> {
    return valueOf(await this.#core.read(key, NO_OPTIONS, this.#version, this.#deadline));
  }

  /** Reads values, in the order of their keys. @throws {CacheCorruptError} */
  async getMany(keys: readonly string[]): Promise<readonly unknown[]> {
    const entries = this.#core.keys.ofMany(keys, this.#version);
    const plan = toReadPlan(NO_OPTIONS, this.#version);
    return (await this.#core.reader.readMany(entries, plan, this.#deadline)).map(valueOf);
  }

  /** Stores a number if there is no entry. @returns Whether the number was stored. */
  async add(key: string, value: number, timeout: Timeout): Promise<boolean> {
    const entry = this.#superseding(key);
    const record = { key: entry.storageKey, value: String(value), ttl: toTtl(timeout) };
    return this.#core.store.set(record, "if-absent", this.#deadline);
  }

  /**
   * Adds to a counter, in one step. An existing counter keeps its time to live.
   *
   * @returns The sum; `undefined` if there is no counter and no `timeout`.
   * @throws {CacheNotIntegerError} When the entry is no counter.
   */
  async incr(key: string, delta: number, { timeout, least }: CountOptions = {}): Promise<number | undefined> {
    const { store } = this.#core;
    const begin = timeout === undefined ? undefined : { value: String(delta), ttl: toTtl(timeout) };
    const result = await store.incr(this.#superseding(key).storageKey, BigInt(delta), this.#deadline, {
      begin,
      least,
    });
    if (result.status === "not-integer") throw new CacheNotIntegerError(key);
    return result.status === "missing" ? undefined : Number(result.value);
  }

  /** Stores a number, whatever entry there is. */
  async set(key: string, value: number, timeout: Timeout): Promise<void> {
    const record = { key: this.#superseding(key).storageKey, value: String(value), ttl: toTtl(timeout) };
    await this.#core.store.set(record, "always", this.#deadline);
  }

  /** Returns the remaining time of a counter; `null` without an expiry, `undefined` without one. */
  async ttl(key: string): Promise<Milliseconds | null | undefined> {
    const { storageKey } = this.#core.keys.of(key, this.#version);
    return (await this.#core.store.ttlMany([storageKey], this.#deadline))[0];
  }

  /** Sets the remaining time of a counter. @returns Whether there is one. */
  async touch(key: string, timeout: Timeout): Promise<boolean> {
    const { storageKey } = this.#core.keys.of(key, this.#version);
    const [isTouched = false] = await this.#core.store.touchMany(
      [storageKey],
      toTtl(timeout),
      this.#deadline,
    );
    return isTouched;
  }

  /** @returns Number of counters deleted. */
  deleteMany(keys: readonly string[]): Promise<number> {
    return this.#core.deleteEntries(this.#core.keys.ofMany(keys, this.#version), this.#deadline);
  }

  /** Returns the entry of a key, and keeps earlier loads from storing their values in it. */
  #superseding(key: string): EntryKey {
    const entry = this.#core.keys.of(key, this.#version);
    this.#core.loads.supersede([entry]);
    return entry;
  }
}

function valueOf(found: Found): unknown {
  return found.status === "entry" ? found.value : undefined;
}
