import type { Clock, Milliseconds } from "../../core/clock.ts";
import { StoreServiceError } from "../../core/errors.ts";

/** An item that is never displaced. */
interface LastingItem {
  /** On the clock of the items; `Infinity` for no expiry. */
  readonly expiresAt: number;
}

/** Options of {@link LastingItems}. */
export interface LastingItemsOptions<Item> {
  /** Plural noun for messages, such as `"locks"`. */
  readonly name: string;
  readonly clock: Clock;
  readonly isOver: (item: Item) => boolean;
  /** Maximum number of live items. */
  readonly most: number;
  /** Returns the size of an item, if the sum is bounded. */
  readonly sizeOf?: ((key: string, item: Item) => number) | undefined;
  /** Maximum sum of the sizes. @defaultValue no bound */
  readonly mostBytes?: number | undefined;
}

/** Minimum number of items that is worth a sweep. */
const MIN_SWEEP_SIZE = 1000;

/** A sweep of 100 000 items takes some milliseconds, so not every refusal can begin with one. */
const SWEEP_EVERY: Milliseconds = 1000;

/**
 * Items by their keys, which stay until they expire: beyond a bound, another one is refused.
 * Expired ones are swept when there are twice as many items as lived at the last sweep.
 */
export class LastingItems<Item extends LastingItem> {
  readonly #options: LastingItemsOptions<Item>;
  readonly #items = new Map<string, Item>();
  #bytes = 0;
  #sweepSize: number;
  #sweptAt: Milliseconds = Number.NEGATIVE_INFINITY;

  constructor(options: LastingItemsOptions<Item>) {
    this.#options = options;
    this.#sweepSize = Math.min(MIN_SWEEP_SIZE, options.most);
  }

  /** Number of items, expired ones included. */
  get size(): number {
    return this.#items.size;
  }

  /** Sum of the sizes; 0 if they have no bound. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns an item that has not expired. */
  get(key: string): Item | undefined {
    const item = this.#items.get(key);
    if (item === undefined || !this.#options.isOver(item)) return item;
    this.delete(key);
    return undefined;
  }

  /** @throws {StoreServiceError} If there is no room for it: then nothing has changed. */
  set(key: string, item: Item): void {
    const before = this.#items.get(key);
    const size = this.#sizeOf(key, item) - (before === undefined ? 0 : this.#sizeOf(key, before));
    if (before === undefined) this.#makeRoom();
    this.#checkBytes(size);
    this.#items.set(key, item);
    this.#bytes += size;
  }

  delete(key: string): boolean {
    const item = this.#items.get(key);
    if (item === undefined) return false;
    this.#bytes -= this.#sizeOf(key, item);
    return this.#items.delete(key);
  }

  keys(): IterableIterator<string> {
    return this.#items.keys();
  }

  clear(): void {
    this.#items.clear();
    this.#bytes = 0;
  }

  #sizeOf(key: string, item: Item): number {
    return this.#options.sizeOf?.(key, item) ?? 0;
  }

  #makeRoom(): void {
    if (this.#items.size < this.#sweepSize) return;
    const { most, name } = this.#options;
    this.#sweep();
    if (this.#items.size < most) return;
    throw this.#refusal(`${most} ${name}`);
  }

  #checkBytes(size: number): void {
    const { mostBytes = Number.POSITIVE_INFINITY, name } = this.#options;
    if (size <= 0 || this.#bytes + size <= mostBytes) return;
    this.#sweep();
    if (this.#bytes + size > mostBytes) throw this.#refusal(`${mostBytes} bytes of ${name}`);
  }

  #refusal(bound: string): StoreServiceError {
    const message = `The cache store in memory has its ${bound}, and none makes room for another one.`;
    const advice =
      "Let them live for less time, raise the bound of memoryCacheStore(), or use a store such as Redis.";
    return new StoreServiceError(`${message} ${advice}`, { outcome: "not-sent" });
  }

  #sweep(): void {
    const { clock, isOver, most } = this.#options;
    const now = clock.monotonic();
    if (now < this.#sweptAt + SWEEP_EVERY) return;
    this.#sweptAt = now;
    for (const [key, item] of this.#items) {
      if (isOver(item)) this.delete(key);
    }
    this.#sweepSize = Math.min(Math.max(MIN_SWEEP_SIZE, 2 * this.#items.size), most);
  }
}
