import { LRUCache } from "lru-cache";

import type { Clock, EpochMilliseconds } from "../../core/clock.ts";
import { LastingItems } from "./lasting-items.ts";

/** Value and expiry of a key. */
export interface Stored {
  /** In the stored form of the store. */
  readonly value: string;
  readonly expiresAt: EpochMilliseconds;
}

/** Limits of a {@link MemoryEntries}. */
export interface MemoryEntriesOptions {
  readonly clock: Clock;
  readonly maxEntries: number;
  readonly maxCounters: number;
  readonly maxBytes: number | undefined;
  readonly sizeOf: (key: string, value: string) => number;
}

/**
 * Entries, of which the least recently used one makes room, and counters beside them, which make
 * none. A key is in one of the two places.
 */
export class MemoryEntries {
  readonly #clock: Clock;
  readonly #entries: LRUCache<string, Stored>;
  readonly #counters: LastingItems<Stored>;

  constructor({ clock, maxEntries, maxCounters, maxBytes, sizeOf }: MemoryEntriesOptions) {
    this.#clock = clock;
    const sizeCalculation = ({ value }: Stored, key: string): number => sizeOf(key, value);
    const bound = maxBytes === undefined ? {} : { maxSize: maxBytes, sizeCalculation };
    this.#entries = new LRUCache({ max: maxEntries, ...bound });
    this.#counters = new LastingItems({
      name: "counters",
      clock,
      isOver: (entry) => this.#isOver(entry),
      most: maxCounters,
      ...(maxBytes !== undefined && { mostBytes: maxBytes, sizeOf: (key, { value }) => sizeOf(key, value) }),
    });
  }

  /** Sum of the sizes of all entries, if they are bounded; else 0. */
  get bytes(): number {
    return this.#entries.calculatedSize + this.#counters.bytes;
  }

  /** Reads a live entry and marks it as used. */
  get(key: string): Stored | undefined {
    const counter = this.#counters.size === 0 ? undefined : this.#counters.get(key);
    return counter ?? this.#unexpired(key, this.#entries.get(key));
  }

  /** Reads a live entry without marking it as used. */
  peek(key: string): Stored | undefined {
    return this.#counters.get(key) ?? this.#unexpired(key, this.#entries.peek(key));
  }

  /** Stores an entry, which can make room for others. */
  set(key: string, entry: Stored): void {
    this.#counters.delete(key);
    this.#entries.set(key, entry);
  }

  /**
   * Stores a counter, which makes no room for others.
   *
   * @throws {StoreServiceError} If there is no room for it.
   */
  setCounter(key: string, entry: Stored): void {
    this.#counters.set(key, entry);
    this.#entries.delete(key);
  }

  /** Gives an existing entry another expiry: a counter stays one. */
  setEnd(key: string, entry: Stored): void {
    if (this.#counters.get(key) === undefined) this.set(key, entry);
    else this.#counters.set(key, entry);
  }

  delete(key: string): boolean {
    return this.#counters.delete(key) || this.#entries.delete(key);
  }

  /**
   * Returns all keys, also of expired entries. A copy: entries can be stored and deleted meanwhile.
   */
  keys(): readonly string[] {
    return [...this.#entries.keys(), ...this.#counters.keys()];
  }

  clear(): void {
    this.#entries.clear();
    this.#counters.clear();
  }

  #unexpired(key: string, entry: Stored | undefined): Stored | undefined {
    if (entry === undefined || !this.#isOver(entry)) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  #isOver({ expiresAt }: Stored): boolean {
    return this.#clock.now() >= expiresAt;
  }
}
