import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { CacheStore } from "../stores/cache-store.ts";
import type { CacheCore } from "./cache-core.ts";
import { requireCapability } from "./requirements.ts";

/**
 * @internal Texts of integrations that replace them only if nobody else has: entries of a cache, as
 * they are stored. They count neither as hits nor as misses, and failures are thrown whatever
 * `onStoreError` says.
 */
export class CacheRecords {
  readonly #core: CacheCore;
  /** Never a level in memory before it: what has ended is gone at once. */
  readonly #store: CacheStore;

  /** @throws {ImproperlyConfigured} When the store cannot compare and set. */
  constructor(core: CacheCore) {
    requireCapability(core.strictStore, "compareAndSet", "a store of sessions", core.path);
    this.#core = core;
    this.#store = core.strictStore.authority ?? core.strictStore;
  }

  get clock(): Clock {
    return this.#core.clock;
  }

  newDeadline(): Deadline {
    return this.#core.newDeadline();
  }

  async read(key: string, deadline = this.newDeadline()): Promise<string | undefined> {
    return (await this.#store.get(await this.#at(key, deadline), deadline))?.toString();
  }

  /**
   * Replaces a text if it is still the expected one.
   *
   * @param expected `undefined`: if there is none.
   * @returns Whether it was the expected one.
   */
  async replace(
    key: string,
    expected: string | undefined,
    text: string,
    ttl: Milliseconds | null,
    deadline = this.newDeadline(),
  ): Promise<boolean> {
    const at = await this.#at(key, deadline);
    return expected === undefined
      ? this.#store.set({ key: at, value: text, ttl }, "if-absent", deadline)
      : this.#store.compareAndSet(at, expected, { value: text, ttl }, deadline);
  }

  /** Stores a text, whatever is there. */
  async put(key: string, text: string, ttl: Milliseconds | null): Promise<void> {
    const deadline = this.newDeadline();
    await this.#store.set({ key: await this.#at(key, deadline), value: text, ttl }, "always", deadline);
  }

  async delete(keys: readonly string[]): Promise<void> {
    const deadline = this.newDeadline();
    const version = await this.#version(deadline);
    const at = this.#core.keys.ofMany(keys, version).map(({ storageKey }) => storageKey);
    await this.#store.deleteMany(at, deadline);
  }

  async #at(key: string, deadline: Deadline): Promise<string> {
    return this.#core.keys.of(key, await this.#version(deadline)).storageKey;
  }

  async #version(deadline: Deadline): Promise<number> {
    return this.#core.knownVersion({}) ?? this.#core.currentVersion(deadline);
  }
}
