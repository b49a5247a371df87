import { LRUCache } from "lru-cache";

import type { Clock, EpochMilliseconds } from "../../core/clock.ts";
import { LastingItems } from "./lasting-items.ts";

/** What is kept under a key. */
export interface Stored {
  /** As the form of the store keeps it. */
  readonly value: string;
  readonly expiresAt: EpochMilliseconds;
}

/** What a {@link MemoryEntries} keeps at most. */
export interface MemoryEntriesOptions {
  readonly clock: Clock;
  readonly maxEntries: number;
  readonly maxCounters: number;
  readonly maxBytes: number | undefined;
  readonly sizeOf: (key: string, value: string) => number;
}

/**
 * Entries, of which the one that was not used for the longest time makes room, and counters beside them, which
 * do not. A key is in one of the two places.
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

  /** Sum of the sizes of all entries, where they are bounded; else 0. */
  get bytes(): number {
    return this.#entries.calculatedSize + this.#counters.bytes;
  }

  /** Reads a live entry and counts it as used. */
  get(key: string): Stored | undefined {
    return this.#counters.get(key) ?? this.#unexpired(key, this.#entries.get(key));
  }

  /** Reads a live entry. */
  peek(key: string): Stored | undefined {
    return this.#counters.get(key) ?? this.#unexpired(key, this.#entries.peek(key));
  }

  /** Stores an entry, which can make room for others. */
  set(key: string, entry: Stored): void {
    this.#counters.delete(key);
    this.#entries.set(key, entry);
  }

  /** Stores a counter, which makes no room for others. @throws {StoreServiceError} When there is no room for it. */
  setCounter(key: string, entry: Stored): void {
    this.#counters.set(key, entry);
    this.#entries.delete(key);
  }

  /** Stores what is there with another end: a counter stays one. */
  setEnd(key: string, entry: Stored): void {
    if (this.#counters.get(key) === undefined) this.set(key, entry);
    else this.#counters.set(key, entry);
  }

  delete(key: string): boolean {
    return this.#counters.delete(key) || this.#entries.delete(key);
  }

  /** All keys, also of entries that have expired. A copy: entries can be stored and deleted meanwhile. */
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
