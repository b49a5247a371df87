import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import {
  type CacheEntry,
  type CacheStore,
  type CacheStoreCapabilities,
  type EntryHead,
  type FillResult,
  type IncrementOptions,
  type IncrementResult,
  isCacheKey,
  type Lease,
  type LeaseResult,
  type NewValue,
  type SetCondition,
  type StoredValue,
} from "./cache-store.ts";
import {
  adding,
  type CellRequest,
  comparing,
  ensuring,
  extending,
  filling,
  holderOf,
  leasing,
  leftOf,
  locking,
  releasing,
  renewing,
  replacingHead,
  setting,
  taking,
  touching,
  touchingHeadless,
  unlocking,
} from "./cell-rules.ts";
import type { Cell, CellEntry, Cells, Decide, NewCellEntry } from "./cells.ts";
import { chunksOf, KEYS_AT_ONCE } from "./chunks.ts";
import { bufferOf } from "./scalar-pickle.ts";

/** Options of {@link CellCacheStore}. */
export interface CellCacheStoreParts {
  readonly name: string;
  readonly cells: Cells;
  readonly clock: Clock;
  readonly values: "text" | "bytes" | undefined;
  /** Whether the cells keep leases and locks. */
  readonly hasLeases: boolean;
  /** Whether the cells can be walked. @defaultValue `true` */
  readonly hasScan?: boolean;
  /**
   * Called with each value before a caller gets it, or it is taken.
   *
   * @throws For a value that no caller can read.
   */
  readonly checkValue?: (value: Buffer) => void;
}

/** A {@link CacheStore} on {@link Cells}: each operation is a rule that decides about one key. */
export class CellCacheStore implements CacheStore {
  readonly name: string;
  readonly capabilities: CacheStoreCapabilities;
  readonly #cells: Cells;
  readonly #clock: Clock;
  readonly #checkValue: (value: Buffer) => void;
  readonly #fromStored: (value: Buffer) => StoredValue;

  constructor({ name, cells, clock, values, hasLeases, ...parts }: CellCacheStoreParts) {
    const { hasScan = true, checkValue = () => {} } = parts;
    this.name = name;
    this.capabilities = {
      atomicIncrement: true,
      scan: hasScan,
      compareAndSet: true,
      leases: hasLeases,
      locks: hasLeases,
    };
    this.#cells = cells;
    this.#clock = clock;
    this.#checkValue = checkValue;
    this.#fromStored = (value) => {
      checkValue(value);
      return values === "bytes" ? value : value.toString();
    };
  }

  get(key: string, deadline: Deadline): Promise<StoredValue | undefined> {
    return this.#cells.read([key], deadline).then(this.#first);
  }

  async getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    const entries = await this.#cells.read(keys, deadline);
    return entries.map((entry) => this.#orMissing(entry?.value));
  }

  set(entry: CacheEntry, condition: SetCondition, deadline: Deadline): Promise<boolean> {
    if (condition !== "always") return this.#change(entry.key, setting(toCell(entry), condition), deadline);
    return this.#cells.putOne?.(entry, deadline) ?? this.#cells.put([entry], deadline).then(isStored);
  }

  async setMany(
    entries: readonly CacheEntry[],
    condition: SetCondition,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    if (condition !== "always")
      return this.#changeEntries(entries, (entry) => setting(entry, condition), deadline);
    if (entries.length > 0) await this.#cells.put(entries, deadline);
    return entries.map(() => true);
  }

  async ensureMany(entries: readonly CacheEntry[], deadline: Deadline): Promise<readonly StoredValue[]> {
    return (await this.#changeEntries(entries, ensuring, deadline)).map(this.#fromStored);
  }

  async deleteMany(keys: readonly string[], deadline: Deadline): Promise<number> {
    return keys.length === 0 ? 0 : this.#cells.delete([...new Set(keys)], deadline);
  }

  async takeMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    const taken = await this.#cells.change(keys, () => this.#taking, deadline);
    return taken.map((value) => this.#orMissing(value));
  }

  touchMany(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    return this.#cells.change(keys, () => touching(ttl), deadline);
  }

  async touchHeadless(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly (boolean | EntryHead)[]> {
    const touched = await this.#cells.change(keys, () => touchingHeadless(ttl), deadline);
    return touched.map((found) =>
      typeof found === "boolean" ? found : { ...found, head: this.#fromStored(found.head) },
    );
  }

  replaceHead(key: string, head: StoredValue, next: NewValue, deadline: Deadline): Promise<boolean> {
    return this.#change(key, replacingHead(bufferOf(head), next), deadline);
  }

  async ttlMany(
    keys: readonly string[],
    deadline: Deadline,
  ): Promise<readonly (Milliseconds | null | undefined)[]> {
    const entries = await this.#cells.read(keys, deadline);
    const now = this.#clock.now();
    return entries.map((entry) => entry && leftOf(entry, now));
  }

  incr(
    key: string,
    delta: bigint,
    deadline: Deadline,
    options: IncrementOptions = {},
  ): Promise<IncrementResult> {
    return this.#change(key, adding(delta, options), deadline);
  }

  compareAndSet(
    key: string,
    expected: StoredValue,
    next: NewValue | undefined,
    deadline: Deadline,
  ): Promise<boolean> {
    const replacement = next && { value: bufferOf(next.value), ttl: next.ttl };
    return this.#change(key, comparing(bufferOf(expected), replacement), deadline);
  }

  async lease(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<LeaseResult> {
    const result = await this.#change(lease.key, leasing(toRequest(lease), ttl), deadline);
    return result.status === "found" ? { ...result, value: this.#fromStored(result.value) } : result;
  }

  renew(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return this.#change(lease.key, renewing(toRequest(lease), ttl), deadline);
  }

  async fill(lease: Lease, { value, ttl }: NewValue, deadline: Deadline): Promise<FillResult> {
    const entry = { value: bufferOf(value), ttl };
    const { isStored, current } = await this.#change(lease.key, filling(toRequest(lease), entry), deadline);
    return isStored ? { status: "stored" } : { status: "superseded", value: this.#orMissing(current) };
  }

  release({ key, token }: Lease, deadline: Deadline): Promise<boolean> {
    return this.#change(key, releasing(token), deadline);
  }

  acquireLock(
    key: string,
    token: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<number | undefined> {
    return this.#cells.changeLock(key, locking(token, ttl), deadline);
  }

  extendLock(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return this.#cells.changeLock(key, extending(token, ttl), deadline);
  }

  releaseLock(key: string, token: string, deadline: Deadline): Promise<boolean> {
    return this.#cells.changeLock(key, unlocking(token), deadline);
  }

  lockHolder(key: string, deadline: Deadline): Promise<string | undefined> {
    return this.#cells.changeLock(key, (lock, now) => ({ answer: holderOf(lock, now) }), deadline);
  }

  async *scan(prefix: string, pageDeadline: () => Deadline): AsyncGenerator<string, void, undefined> {
    for await (const keys of this.#cells.pages(pageDeadline))
      for (const key of keys) if (key.startsWith(prefix)) yield key;
  }

  async *clear(keyPrefix: string, pageDeadline: () => Deadline): AsyncGenerator<number, void, undefined> {
    const isMeant = (key: string): boolean => isCacheKey(key, keyPrefix);
    await this.#cells.endLeases(isMeant, pageDeadline);
    for await (const keys of this.#cells.pages(pageDeadline))
      for (const chunk of chunksOf(keys.filter(isMeant), KEYS_AT_ONCE))
        yield await this.#cells.delete(chunk, pageDeadline());
  }

  ping(deadline: Deadline): Promise<void> {
    return this.#cells.ping(deadline);
  }

  close(): Promise<void> {
    return this.#cells.close();
  }

  readonly #taking: Decide<Cell, Buffer | undefined> = (cell, now) => {
    if (cell.entry !== undefined) this.#checkValue(cell.entry.value);
    return taking(cell, now);
  };

  async #change<Answer>(key: string, decide: Decide<Cell, Answer>, deadline: Deadline): Promise<Answer> {
    const answers = await this.#cells.change([key], () => decide, deadline);
    return answers[0] as Answer;
  }

  #changeEntries<Answer>(
    entries: readonly CacheEntry[],
    rule: (entry: NewCellEntry) => Decide<Cell, Answer>,
    deadline: Deadline,
  ): Promise<readonly Answer[]> {
    const rules = entries.map((entry) => rule(toCell(entry)));
    const keys = entries.map(({ key }) => key);
    return this.#cells.change(keys, (index) => rules[index] as Decide<Cell, Answer>, deadline);
  }

  readonly #first = ([entry]: readonly (CellEntry | undefined)[]): StoredValue | undefined =>
    this.#orMissing(entry?.value);

  #orMissing(value: Buffer | undefined): StoredValue | undefined {
    return value && this.#fromStored(value);
  }
}

const isStored = (): boolean => true;

function toCell({ key, value, ttl }: CacheEntry): NewCellEntry {
  return { key, value: bufferOf(value), ttl };
}

function toRequest({ token, expected }: Lease): CellRequest {
  return { token, expected: expected === undefined ? undefined : bufferOf(expected) };
}
