import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { CacheUsageError, StoreServiceError } from "../../core/errors.ts";
import type { CacheEntry, StoredValue } from "../cache-store.ts";
import { expiryAt, taking } from "../cell-rules.ts";
import { readLock, writeState } from "../cell-state.ts";
import type { Cell, CellEntry, CellLock, Cells, Decide, Decision } from "../cells.ts";
import { KeyQueues } from "../key-queues.ts";
import { readItem, writeHead } from "./cache-item.ts";
import { type MemcachedClient, tokenOf } from "./client/memcached-client.ts";
import type { MetaReply } from "./client/meta-reader.ts";
import { toExpiration } from "./expiration.ts";

/** An item to store, and for how long. */
interface Stored {
  /** Line before the value. */
  readonly head: string;
  readonly value: StoredValue;
  readonly life: Milliseconds | null;
}

/** Maximum number of bytes of a UTF-16 unit in UTF-8. */
const MAX_BYTES_A_UNIT = 3;

const VALUE: readonly string[] = ["v"];
const NO_FLAGS: readonly string[] = [];

/** First part of the keys of locks, which are no entries: no prefix of a cache begins like it. */
const LOCK_PREFIX = "\0lock\0";

/**
 * Entries of a cache as items of memcached, each with the lease on it. A decision reads an item, and
 * is written if the item still is the version that was read (`ms` with `C`): if not, it is made
 * again.
 *
 * memcached drops items to make room, those of counters and locks too.
 */
export class MemcachedCells implements Cells {
  readonly #client: MemcachedClient;
  readonly #clock: Clock;
  readonly #maxItemBytes: number;
  readonly #queues = new KeyQueues();

  /** @param maxItemBytes Maximum size of an item's value, in bytes. */
  constructor(client: MemcachedClient, clock: Clock, maxItemBytes: number) {
    this.#client = client;
    this.#clock = clock;
    this.#maxItemBytes = maxItemBytes;
  }

  read(keys: readonly string[], deadline: Deadline): Promise<readonly (CellEntry | undefined)[]> {
    const [key] = keys;
    return key !== undefined && keys.length === 1
      ? this.#ask(key, deadline).then((reply) => [this.#toEntry(reply)])
      : Promise.all(keys.map((each) => this.#ask(each, deadline))).then((replies) =>
          replies.map((reply) => this.#toEntry(reply)),
        );
  }

  change<Answer>(
    keys: readonly string[],
    ruleOf: (index: number) => Decide<Cell, Answer>,
    deadline: Deadline,
  ): Promise<readonly Answer[]> {
    return Promise.all(keys.map((key, index) => this.#changeCell(key, ruleOf(index), deadline)));
  }

  changeLock<Answer>(
    key: string,
    decide: Decide<CellLock | undefined, Answer>,
    deadline: Deadline,
  ): Promise<Answer> {
    return this.#decide(LOCK_PREFIX + key, deadline, (value) => {
      const now = this.#clock.now();
      const { answer, next } = decide(readLock(value?.toString() ?? null), now);
      if (next === undefined) return { answer };
      return { answer, next: { head: "", value: writeState(key, next), life: next.forgottenAt - now } };
    });
  }

  put(entries: readonly CacheEntry[], deadline: Deadline): Promise<unknown> {
    return Promise.all(entries.map((entry) => this.putOne(entry, deadline)));
  }

  putOne({ key, value, ttl }: CacheEntry, deadline: Deadline): Promise<boolean> {
    const head = writeHead(key, { entry: { expiresAt: expiryAt(this.#clock.now(), ttl) } });
    return this.#write(key, { head, value, life: ttl }, NO_FLAGS, deadline, isStored);
  }

  async delete(keys: readonly string[], deadline: Deadline): Promise<number> {
    const taken = await this.change(keys, () => taking, deadline);
    return taken.filter((value) => value !== undefined).length;
  }

  pages(): AsyncIterable<readonly string[]> {
    throw cannotList();
  }

  endLeases(): Promise<void> {
    throw cannotList();
  }

  ping(deadline: Deadline): Promise<void> {
    return this.#client.ping(deadline);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #ask(key: string, deadline: Deadline): Promise<MetaReply> {
    return this.#client.ask("mg", key, VALUE, deadline);
  }

  #changeCell<Answer>(key: string, decide: Decide<Cell, Answer>, deadline: Deadline): Promise<Answer> {
    return this.#decide(key, deadline, (value) => {
      const now = this.#clock.now();
      const { answer, next } = decide(this.#toCell(value), now);
      if (next === undefined) return { answer };
      const { entry, lease } = next;
      if (entry === undefined && lease === undefined) return { answer, next: null };
      const end = Math.max(entry?.expiresAt ?? 0, lease?.forgottenAt ?? 0);
      const life = end === Number.POSITIVE_INFINITY ? null : Math.max(1, end - now);
      return { answer, next: { head: writeHead(key, next), value: entry?.value ?? "", life } };
    });
  }

  /**
   * Decides about an item, until no other caller was faster. Those of this process take turns.
   *
   * @param decide Returns the answer, and what to store; `null` deletes.
   */
  #decide<Answer>(
    key: string,
    deadline: Deadline,
    decide: (value: Buffer | undefined) => Decision<Stored | null, Answer>,
  ): Promise<Answer> {
    return this.#queues.run(key, async () => {
      for (;;) {
        const reply = await this.#client.ask("mg", key, ["v", "c"], deadline);
        const { answer, next } = decide(reply.value);
        if (next === undefined) return answer;
        if (await this.#replace(key, tokenOf(reply, "c"), next, deadline)) return answer;
      }
    });
  }

  /** @param cas Version that was read; `undefined`: there was none. */
  async #replace(
    key: string,
    cas: string | undefined,
    next: Stored | null,
    deadline: Deadline,
  ): Promise<boolean> {
    const flag = cas === undefined ? "ME" : `C${cas}`;
    if (next !== null) return (await this.#write(key, next, [flag], deadline)).code === "HD";
    return cas === undefined || (await this.#client.ask("md", key, [flag], deadline)).code === "HD";
  }

  #write<Answer = MetaReply>(
    key: string,
    { head, value, life }: Stored,
    flags: readonly string[],
    deadline: Deadline,
    read?: (reply: MetaReply) => Answer,
  ): Promise<Answer> {
    // memcached deletes the stored item when a new one is too large.
    if ((head.length + value.length) * MAX_BYTES_A_UNIT > this.#maxItemBytes) {
      const bytes = head.length + Buffer.byteLength(value);
      if (bytes > this.#maxItemBytes) return Promise.reject(this.#tooLarge(bytes));
    }
    const expiration = `T${toExpiration(life, this.#clock)}`;
    return this.#client.ask("ms", key, [...flags, expiration], deadline, value, head, read);
  }

  #tooLarge(bytes: number): StoreServiceError {
    return new StoreServiceError(
      `The entry has ${bytes} bytes, more than memcached takes (maxItemBytes ${this.#maxItemBytes}).`,
      { outcome: "not-sent" },
    );
  }

  #toEntry({ value }: MetaReply): CellEntry | undefined {
    const entry = value === undefined ? undefined : readItem(value).entry;
    return entry !== undefined && entry.expiresAt > this.#clock.now() ? entry : undefined;
  }

  #toCell(value: Buffer | undefined): Cell {
    const { entry, lease } = value === undefined ? {} : readItem(value);
    const now = this.#clock.now();
    return {
      entry: entry !== undefined && entry.expiresAt > now ? entry : undefined,
      lease: lease !== undefined && lease.forgottenAt > now ? lease : undefined,
    };
  }
}

const isStored = (): boolean => true;

function cannotList(): CacheUsageError {
  return new CacheUsageError("memcached cannot list its keys.");
}
