import type { Clock, EpochMilliseconds, Milliseconds } from "../../../core/clock.ts";
import type { Deadline } from "../../../core/deadlines.ts";
import { CacheUsageError, StoreServiceError } from "../../../core/errors.ts";
import { newNonce } from "../../../core/ids.ts";
import type { CacheEntry } from "../../cache-store.ts";
import { readLease, readLock, writeState } from "../../cell-state.ts";
import type { Cell, CellEntry, CellLease, CellLock, Cells, Decide } from "../../cells.ts";
import { endsLease } from "../../ends-lease.ts";
import { KeyQueues } from "../../key-queues.ts";
import { bufferOf, integerOf } from "../../scalar-pickle.ts";
import { type Item, type MemcachedClient, tokenOf } from "../client/memcached-client.ts";
import type { MetaReply } from "../client/meta-reader.ts";
import { toDjangoExpiration, toExpiration, toKeptExpiration } from "../expiration.ts";
import { entryItem, leaseItem, lockItem } from "./django-key.ts";
import { fromItem, isInteger, toItem, UNSETTLED_FLAG } from "./django-value.ts";

/** Time to live of a marked entry: a process that ends in the middle of a fill leaves no more. */
const UNSETTLED: Milliseconds = 10_000;

/** By how much memcached ends an item early, and by how much its remaining time is rounded. */
const EARLY: Milliseconds = 2000;

const NO_CHECK: readonly string[] = [];

/** An item as it was read. */
interface SeenItem {
  /** Version of the item; `undefined`: there is none. */
  readonly cas: string | undefined;
}

/** The items of one key as they were read. */
interface Seen {
  readonly cell: Cell;
  readonly entry: SeenItem & {
    readonly flags: number;
    readonly left: number;
    readonly isInteger: boolean;
  };
  readonly lease: SeenItem;
}

/** Parts of {@link DjangoCells}. */
export interface DjangoCellsParts {
  readonly client: MemcachedClient;
  readonly clock: Clock;
  /** Maximum size of an item's value, in bytes. */
  readonly maxItemBytes: number;
  /** Whether Django's `bytes` are values too: those of a cache that compresses. */
  readonly readsBytes: boolean;
}

/**
 * Entries of a cache as the items of Django's caches on memcached, with leases and locks in items of
 * their own, on the server of the entry.
 *
 * A decision reads both items, and replaces the versions that it has read. What deletes an entry
 * ends its lease first; what fills one looks for its lease after the first of two steps.
 */
export class DjangoCells implements Cells {
  readonly #client: MemcachedClient;
  readonly #clock: Clock;
  readonly #maxItemBytes: number;
  readonly #readsBytes: boolean;
  readonly #queues = new KeyQueues();
  readonly #unreadable = new WeakSet<Buffer>();

  constructor({ client, clock, maxItemBytes, readsBytes }: DjangoCellsParts) {
    this.#client = client;
    this.#clock = clock;
    this.#maxItemBytes = maxItemBytes;
    this.#readsBytes = readsBytes;
  }

  /**
   * Refuses a value of {@link read} or {@link change} that is a pickle, or bytes.
   *
   * @throws {CacheUsageError}
   */
  readonly checkValue = (value: Buffer): void => {
    if (!this.#unreadable.has(value)) return;
    throw new CacheUsageError(
      "The entry is a pickle, bytes, or of another form of Django's that Node neither reads nor overwrites by a load. Give " +
        "Django's cache the serde that writes JSON, or use another cache for this.",
    );
  };

  async read(keys: readonly string[], deadline: Deadline): Promise<readonly (CellEntry | undefined)[]> {
    const items = keys.map(entryItem);
    const replies = await Promise.all(
      items.map((item) => this.#client.ask("mg", item, ["v", "f", "t"], deadline)),
    );
    return replies.map((reply) => this.#toEntry(reply, this.#clock.now()));
  }

  async change<Answer>(
    keys: readonly string[],
    ruleOf: (index: number) => Decide<Cell, Answer>,
    deadline: Deadline,
  ): Promise<readonly Answer[]> {
    const items = keys.map(entryItem);
    return Promise.all(
      keys.map((key, index) => this.#changeCell(key, items[index] as Item, ruleOf(index), deadline)),
    );
  }

  changeLock<Answer>(
    key: string,
    decide: Decide<CellLock | undefined, Answer>,
    deadline: Deadline,
  ): Promise<Answer> {
    const item = lockItem(key);
    return this.#queues.run(`lock:${key}`, async () => {
      for (;;) {
        const reply = await this.#client.ask("mg", item, ["v", "c"], deadline);
        const now = this.#clock.now();
        const { answer, next } = decide(readLock(reply.value?.toString() ?? null), now);
        if (next === undefined) return answer;
        const state = { text: writeState(key, next), life: next.forgottenAt - now };
        if (await this.#replaceState(item, tokenOf(reply, "c"), state, deadline)) return answer;
      }
    });
  }

  async put(entries: readonly CacheEntry[], deadline: Deadline): Promise<void> {
    const items = entries.map((entry) => ({ ...entry, item: entryItem(entry.key) }));
    await Promise.all(
      items.map(async ({ key, item, value, ttl }) => {
        const ending = endsLease(ttl)
          ? this.#client.ask("md", leaseItem(key), NO_CHECK, deadline)
          : undefined;
        const expiration = toDjangoExpiration(ttl, this.#clock);
        await Promise.all([ending, this.#store(item, bufferOf(value), { expiration }, NO_CHECK, deadline)]);
      }),
    );
  }

  async delete(keys: readonly string[], deadline: Deadline): Promise<number> {
    const items = keys.map(entryItem);
    const replies = await Promise.all(
      keys.map(async (key, index) => {
        const ending = this.#client.ask("md", leaseItem(key), NO_CHECK, deadline);
        const deleting = this.#client.ask("md", items[index] as Item, NO_CHECK, deadline);
        return (await Promise.all([ending, deleting]))[1];
      }),
    );
    return replies.filter(({ code }) => code === "HD").length;
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

  /** Decides about a key, until no other caller was faster. Those of this process take turns. */
  #changeCell<Answer>(
    key: string,
    item: Item,
    decide: Decide<Cell, Answer>,
    deadline: Deadline,
  ): Promise<Answer> {
    return this.#queues.run(key, async () => {
      for (;;) {
        const seen = await this.#see(key, item, deadline);
        const now = this.#clock.now();
        const { answer, next, isFill = false } = decide(seen.cell, now);
        if (next === undefined) return answer;
        const change = { key, item, seen, next, now, deadline };
        if (await (isFill ? this.#fill(change) : this.#replace(change))) return answer;
      }
    });
  }

  async #see(key: string, item: Item, deadline: Deadline): Promise<Seen> {
    const [entry, lease] = await Promise.all([
      this.#client.ask("mg", item, ["v", "f", "t", "c"], deadline),
      this.#client.ask("mg", leaseItem(key), ["v", "c"], deadline),
    ]);
    const now = this.#clock.now();
    const state = lease.value && readLease(lease.value.toString());
    const flags = Number(tokenOf(entry, "f") ?? 0);
    const isOver = state === undefined || state.forgottenAt <= now;
    // Django deletes no leases: an entry that is gone before its time ends the one on it.
    const isDeleted = entry.value === undefined && now < (state?.foundUntil ?? 0) - EARLY;
    return {
      cell: { entry: this.#toEntry(entry, now), lease: isOver || isDeleted ? undefined : state },
      entry: {
        cas: tokenOf(entry, "c"),
        flags,
        left: Number(tokenOf(entry, "t") ?? -1),
        isInteger: entry.value !== undefined && isInteger({ bytes: entry.value, flags }),
      },
      lease: { cas: tokenOf(lease, "c") },
    };
  }

  #toEntry(reply: MetaReply, now: EpochMilliseconds): CellEntry | undefined {
    if (reply.value === undefined) return undefined;
    const left = Number(tokenOf(reply, "t") ?? -1);
    const expiresAt = left < 0 ? Number.POSITIVE_INFINITY : now + Math.max(1, left * 1000);
    const flags = Number(tokenOf(reply, "f") ?? 0);
    if (flags & UNSETTLED_FLAG) return undefined;
    const value = flags === 0 && !this.#readsBytes ? undefined : fromItem({ bytes: reply.value, flags });
    if (value !== undefined) return { value, expiresAt };
    // No caller can expect it, so no comparison with it succeeds.
    const unreadable = Buffer.from(`unreadable ${newNonce()}`);
    this.#unreadable.add(unreadable);
    return { value: unreadable, expiresAt };
  }

  /** Ends or changes the lease first: a load that is filling finds it gone, and takes its entry back. */
  async #replace(change: Change): Promise<boolean> {
    const { key, seen, next, now, deadline } = change;
    if (next.lease !== seen.cell.lease) {
      const state = next.lease && toState(key, withEntry(next.lease, seen.cell), now);
      if (!(await this.#replaceState(leaseItem(key), seen.lease.cas, state, deadline))) return false;
    }
    return next.entry === seen.cell.entry || this.#replaceEntry(change);
  }

  async #replaceEntry({ item, seen, next, now, deadline }: Change): Promise<boolean> {
    const [before, { cas, flags }] = [seen.cell.entry, seen.entry];
    const check = [cas === undefined ? "ME" : `C${cas}`];
    if (next.entry === undefined)
      return cas === undefined || isDone(await this.#client.ask("md", item, check, deadline));
    const { value, expiresAt } = next.entry;
    if (before?.value === value) {
      const expiration = `T${toDjangoExpiration(lifeOf(expiresAt, now), this.#clock)}`;
      return isDone(await this.#client.ask("mg", item, [expiration], deadline));
    }
    if (before?.expiresAt !== expiresAt) {
      const expiration = toDjangoExpiration(lifeOf(expiresAt, now), this.#clock);
      return isDone(await this.#store(item, value, { expiration }, check, deadline));
    }
    const { left, isInteger: isCounter } = seen.entry;
    const delta = isCounter ? deltaOf(before.value, value) : undefined;
    if (delta !== undefined)
      return isDone(await this.#client.ask("ma", item, [...check, ...delta], deadline));
    const keepsFlags = isCounter && integerOf(value) !== undefined;
    const kept = { expiration: toKeptExpiration(left, this.#clock), ...(keepsFlags && { flags }) };
    return isDone(await this.#store(item, value, kept, check, deadline));
  }

  /**
   * Stores a loaded entry in two steps: marked, so that Node does not read it, and then for good, if
   * the lease was still the caller's after the first. What ends a lease deletes the entry afterwards,
   * marked or not, so one of the two sees the other.
   */
  async #fill({ key, item, seen, next, now, deadline }: Change): Promise<boolean> {
    const [entry, token] = [next.entry as CellEntry, seen.cell.lease?.token];
    const life = lifeOf(entry.expiresAt, now);
    const check = seen.entry.cas === undefined ? "ME" : `C${seen.entry.cas}`;
    const mark = {
      expiration: toDjangoExpiration(Math.min(life ?? UNSETTLED, UNSETTLED), this.#clock),
      isMarked: true,
    };
    const [marked, lease] = await Promise.all([
      this.#store(item, entry.value, mark, [check, "c"], deadline),
      this.#client.ask("mg", leaseItem(key), ["v", "c"], deadline),
    ]);
    if (!isDone(marked)) return false;
    const version = `C${tokenOf(marked, "c")}`;
    if (!isHeldBy(lease, token)) {
      await this.#client.ask("md", item, [version], deadline);
      return false;
    }
    const expiration = toDjangoExpiration(life, this.#clock);
    const [stored, ended] = await Promise.all([
      this.#store(item, entry.value, { expiration }, [version], deadline),
      this.#client.ask("md", leaseItem(key), [`C${tokenOf(lease, "c")}`], deadline),
    ]);
    if (!isDone(ended)) await this.#endLease(key, token, deadline);
    return isDone(stored);
  }

  /** Ends a lease that has changed since it was read, such as by a caller that waits for it. */
  async #endLease(key: string, token: string | undefined, deadline: Deadline): Promise<void> {
    for (;;) {
      const lease = await this.#client.ask("mg", leaseItem(key), ["v", "c"], deadline);
      if (!isHeldBy(lease, token)) return;
      const check = `C${tokenOf(lease, "c")}`;
      if (isDone(await this.#client.ask("md", leaseItem(key), [check], deadline))) return;
    }
  }

  /** @param next `undefined` deletes it. */
  async #replaceState(
    item: Item,
    cas: string | undefined,
    next: { readonly text: string; readonly life: Milliseconds } | undefined,
    deadline: Deadline,
  ): Promise<boolean> {
    const check = cas === undefined ? "ME" : `C${cas}`;
    if (next === undefined)
      return cas === undefined || isDone(await this.#client.ask("md", item, [check], deadline));
    const flags = [check, `T${toExpiration(next.life, this.#clock)}`];
    return isDone(await this.#client.ask("ms", item, flags, deadline, Buffer.from(next.text)));
  }

  /** It sends at once, and so in the order of calls; a value that is too large rejects. */
  async #store(
    item: Item,
    value: Buffer,
    kept: { readonly expiration: number; readonly flags?: number; readonly isMarked?: boolean },
    check: readonly string[],
    deadline: Deadline,
  ): Promise<MetaReply> {
    const { bytes, flags } = toItem(value);
    // memcached deletes the stored item when a new one is too large.
    if (bytes.length > this.#maxItemBytes)
      throw new StoreServiceError(
        `The entry has ${bytes.length} bytes, more than memcached takes (maxItemBytes ${this.#maxItemBytes}).`,
        { outcome: "not-sent" },
      );
    const mark = kept.isMarked === true ? UNSETTLED_FLAG : 0;
    const words = [...check, `F${(kept.flags ?? flags) | mark}`, `T${kept.expiration}`];
    return this.#client.ask("ms", item, words, deadline, bytes);
  }
}

/** A decision about a key, to be stored. */
interface Change {
  readonly key: string;
  readonly item: Item;
  readonly seen: Seen;
  readonly next: Cell;
  readonly now: EpochMilliseconds;
  readonly deadline: Deadline;
}

/** The lease with the end of the entry that its holder has found. */
function withEntry(lease: CellLease, { entry, lease: before }: Cell): CellLease {
  const isNew = lease.token !== before?.token;
  const foundUntil = isNew ? entry?.expiresAt : before?.foundUntil;
  return foundUntil === undefined
    ? lease
    : { ...lease, foundUntil: Math.min(foundUntil, Number.MAX_SAFE_INTEGER) };
}

function isHeldBy({ value }: MetaReply, token: string | undefined): boolean {
  return value !== undefined && readLease(value.toString())?.token === token;
}

function isDone({ code }: MetaReply): boolean {
  return code === "HD";
}

function lifeOf(expiresAt: EpochMilliseconds, now: EpochMilliseconds): Milliseconds | null {
  return expiresAt === Number.POSITIVE_INFINITY ? null : Math.max(1, expiresAt - now);
}

function toState(key: string, lease: CellLease, now: EpochMilliseconds) {
  return { text: writeState(key, lease), life: Math.max(1, lease.forgottenAt - now) };
}

/**
 * Returns the flags of the library's own counting, which keeps the time to live to the moment;
 * `undefined` where it cannot count: it knows no negative numbers.
 */
function deltaOf(before: Buffer, value: Buffer): readonly string[] | undefined {
  const [from, to] = [integerOf(before), integerOf(value)];
  if (from === undefined || to === undefined || from < 0n || to < 0n) return undefined;
  return to >= from ? ["MI", `D${to - from}`] : ["MD", `D${from - to}`];
}

function cannotList(): CacheUsageError {
  return new CacheUsageError("memcached cannot list its keys.");
}
