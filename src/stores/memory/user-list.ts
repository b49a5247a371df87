import type { EpochMilliseconds } from "../../core/clock.ts";
import type { SessionKey } from "../../core/ids.ts";
import {
  EVICTION_CANDIDATES,
  type EvictionCandidate,
  type UserIndexEntry,
  type UserIndexPage,
  type UserIndexRange,
  WAITING,
} from "../user-index.ts";

/** Position of an entry in the order of a list. */
interface Place {
  /** Expiry of the entry, and {@link WAITING} more while it waits. */
  readonly order: number;
  readonly key: SessionKey;
}

/**
 * From this many deletions on, one pass through the list is cheaper than moving its end each time.
 */
const MANY = 16;

/**
 * The sessions of one user, sorted by the expiry of their entries. An insertion moves the places
 * behind it: some tenths of a millisecond among 100 000, and nothing for a session that expires
 * last.
 */
export class UserList {
  readonly #entries = new Map<SessionKey, UserIndexEntry>();
  /** Sessions that have to make room. They stay listed, but are not counted. */
  readonly doomed: Set<SessionKey> = new Set();
  /** Sessions that wait to replace another one. */
  readonly #waiting = new Set<SessionKey>();
  /** Ascending. */
  #places: Place[] = [];

  get size(): number {
    return this.#entries.size;
  }

  get(key: SessionKey): UserIndexEntry | undefined {
    return this.#entries.get(key);
  }

  /** Sets an entry. One that had to make room or was waiting counts again, unless `isWaiting`. */
  set(key: SessionKey, entry: UserIndexEntry, isWaiting: boolean = false): void {
    this.delete([key]);
    this.#entries.set(key, entry);
    if (isWaiting) this.#waiting.add(key);
    const place = this.#keysOf(key);
    this.#places.splice(this.#indexOf(place), 0, place);
  }

  /** Makes a waiting entry count. */
  settle(key: SessionKey): void {
    if (this.#waiting.has(key)) this.set(key, this.#entryOf(key));
  }

  doom(key: SessionKey): void {
    this.doomed.add(key);
  }

  delete(keys: readonly SessionKey[]): void {
    const listed = keys.filter((key) => this.#entries.has(key));
    if (listed.length >= MANY) {
      const gone = new Set(listed);
      this.#places = this.#places.filter(({ key }) => !gone.has(key));
    } else {
      for (const key of listed) this.#places.splice(this.#indexOf(this.#keysOf(key)), 1);
    }
    for (const key of listed) this.#forget(key);
  }

  /** Drops entries that have been kept long enough. */
  dropUntil(now: EpochMilliseconds): void {
    this.#dropBetween(this.#firstAfter(WAITING - 1), this.#firstAfter(WAITING + now));
    this.#dropBetween(0, this.#firstAfter(now));
  }

  /**
   * Counts the entries that expire after an instant, without those that make room or are spared.
   */
  countAfter(instant: EpochMilliseconds, spared: readonly SessionKey[]): number {
    const uncounted = new Set([...this.doomed, ...spared].filter((key) => !this.#waiting.has(key)));
    const live = [...uncounted].filter((key) => (this.#entries.get(key)?.keepUntil ?? 0) > instant);
    return this.#places.length - this.#waiting.size - this.#firstAfter(instant) - live.length;
  }

  /**
   * Returns those that expire first after an instant, without those that make room or are spared.
   */
  candidatesAfter(instant: EpochMilliseconds, spared: readonly SessionKey[]): readonly EvictionCandidate[] {
    const found: EvictionCandidate[] = [];
    for (let at = this.#firstAfter(instant); at < this.#places.length - this.#waiting.size; at++) {
      const { key } = this.#placeAt(at);
      if (this.doomed.has(key) || spared.includes(key)) continue;
      found.push({ key, createdAt: this.#entryOf(key).createdAt });
      if (found.length === EVICTION_CANDIDATES) break;
    }
    return found;
  }

  /** Returns a page from the end backwards. */
  page({ after, until, limit }: UserIndexRange): UserIndexPage {
    const end = after === undefined ? this.#places.length : this.#indexOf(parsePlace(after));
    const first = until === undefined ? 0 : this.#indexOf(parsePlace(until));
    const places = this.#places.slice(Math.max(first, end - limit), end).toReversed();
    const last = places.at(-1);
    return {
      sessions: places.map(({ key }) => ({ key, entry: this.#entryOf(key) })),
      next: last === undefined || end - first <= limit ? undefined : `${last.order}:${last.key}`,
    };
  }

  #dropBetween(first: number, end: number): void {
    if (end > first) for (const { key } of this.#places.splice(first, end - first)) this.#forget(key);
  }

  #forget(key: SessionKey): void {
    this.#entries.delete(key);
    this.doomed.delete(key);
    this.#waiting.delete(key);
  }

  #firstAfter(instant: EpochMilliseconds): number {
    return this.#indexOf({ order: instant, key: AFTER_ALL });
  }

  /** Returns the index of the first place that is not before another, by binary search. */
  #indexOf(place: Place): number {
    let [low, high] = [0, this.#places.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.#placeAt(middle), place)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #placeAt(index: number): Place {
    return required(this.#places[index]);
  }

  #keysOf(key: SessionKey): Place {
    return { order: this.#entryOf(key).keepUntil + (this.#waiting.has(key) ? WAITING : 0), key };
  }

  #entryOf(key: SessionKey): UserIndexEntry {
    return required(this.#entries.get(key));
  }
}

/** Greater than all keys, whose characters are `[a-z0-9]`. */
const AFTER_ALL = "~";

function isBefore(left: Place, right: Place): boolean {
  return left.order === right.order ? left.key < right.key : left.order < right.order;
}

function parsePlace(cursor: string): Place {
  const colon = cursor.indexOf(":");
  return { order: Number(cursor.slice(0, colon)), key: cursor.slice(colon + 1) };
}

function required<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("The order and the entries of a list differ.");
  return value;
}
