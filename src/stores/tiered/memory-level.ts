import { LRUCache } from "lru-cache";

import type { Milliseconds } from "../../core/clock.ts";
import type { StoredValue } from "../cache-store.ts";
import { ENTRY_OVERHEAD } from "../memory/memory-cache-store.ts";
import { BYTES_FORM, type StoredForm, TEXT_FORM } from "../memory/stored-form.ts";

/** A value of the level. Its times are on the monotonic clock. */
export interface KeptValue {
  readonly stored: string;
  /** Time at which its read was sent. */
  readonly readAt: Milliseconds;
  readonly endsAt: Milliseconds;
}

/** Limits of a {@link MemoryLevel}. */
export interface LevelBounds {
  readonly maxEntries: number;
  /** Sum of the sizes of all values. @defaultValue no bound */
  readonly maxBytes: number | undefined;
}

/** Values in this process, of which the least recently used one makes room. */
export class MemoryLevel {
  readonly #values: LRUCache<string, KeptValue>;
  readonly #form: StoredForm;

  constructor({ maxEntries, maxBytes }: LevelBounds, values: "text" | "bytes") {
    this.#form = values === "bytes" ? BYTES_FORM : TEXT_FORM;
    const sizeCalculation = ({ stored }: KeptValue, key: string): number =>
      Buffer.byteLength(key) + this.#form.sizeOf(stored) + ENTRY_OVERHEAD;
    const bound = maxBytes === undefined ? {} : { maxSize: maxBytes, sizeCalculation };
    this.#values = new LRUCache({ max: maxEntries, ...bound });
  }

  get size(): number {
    return this.#values.size;
  }

  /** Returns a value, possibly an expired one, and marks it as used. */
  get(key: string): KeptValue | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: StoredValue, readAt: Milliseconds, endsAt: Milliseconds): void {
    this.#values.set(key, { stored: this.#form.toStored(value), readAt, endsAt });
  }

  /** Returns the value in the form in which the store's values are read. */
  valueOf({ stored }: KeptValue): StoredValue {
    return this.#form.fromStored(stored);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  clear(): void {
    this.#values.clear();
  }
}
