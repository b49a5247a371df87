import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { StoreServiceError } from "../../core/errors.ts";
import type { SessionKey } from "../../core/ids.ts";
import type { SessionTombstones } from "../../stores/session-tombstones.ts";
import { openSealedKey, sealKey } from "./sealed-key.ts";
import { refOf } from "../users/user-sessions.ts";

/** Keys of a session: the browser's, and the one under which its record is stored. */
export interface SessionKeys {
  /** The browser's key: a secret. */
  readonly key: SessionKey;
  /** Key under which the record is stored: the browser's key, or a hash of it. */
  readonly storageKey: SessionKey;
}

// A class for what each request makes. V8 may allocate the object literals of a busy server directly
// in the old generation, where they keep all that they refer to until the next full collection
// (allocation site pretenuring). With literals, a quarter of what a request allocates was promoted,
// at half of its processor time (Node.js 20).
export class KeyPair implements SessionKeys {
  readonly key: SessionKey;
  readonly storageKey: SessionKey;

  constructor(key: SessionKey, storageKey: SessionKey) {
    this.key = key;
    this.storageKey = storageKey;
  }
}

/**
 * Reason for a session's new key.
 *
 * - `"renewed"`: the key was old, and the visitor's rights are unchanged (`renewEvery`, a rotated
 *   secret).
 * - `"cycled"`: by `cycleKey`, since the visitor's rights have changed.
 * - `"login"`: by `login`.
 */
export type MoveReason = "renewed" | "cycled" | "login";

/**
 * Cause of a session's end.
 *
 * - `"ended"`: by the visitor, with a logout or a flush, or by its own expiry. The response has
 *   cleared the cookie, so a request with the key is a late one.
 * - `"revoked"`: from elsewhere. The visitor's browser still has the cookie, and may begin another
 *   session.
 */
export type EndReason = "ended" | "revoked";

/** Tombstone of a key that no longer has a record. */
export interface Departure {
  readonly reason: MoveReason | EndReason;
  /** The storage key of the new record; `undefined` for a session that has ended. */
  readonly storageKey: SessionKey | undefined;
  /** The browser's new key, encrypted by {@link sealKey}, if it is not the storage key. */
  readonly sealedKey: string | undefined;
  /** A login has begun the session of `storageKey`, since that of the key was gone. */
  readonly isBegun: boolean;
  /**
   * Storage keys of other records that the key leads to: those before a login began another session, or that of a
   * renewal in progress. At most {@link MAX_OTHERS}, the newest first.
   */
  readonly others: readonly SessionKey[];
}

/**
 * Sessions that end with another one: those that it has moved to, or also those that logins of its
 * browser have begun since.
 */
export type Followers = "moved" | "moved-and-begun";

/**
 * Lifetime of the tombstone of a moved or ended key: longer than a request with the key may last.
 */
export const REMEMBERED_MS: Milliseconds = 60_000;

/** Maximum number of successive keys to follow. */
export const MAX_HOPS = 32;

/** Maximum number of {@link Departure.others}: one for each session that a login begins in a minute. */
const MAX_OTHERS = 8;

const FORM =
  /^(renewed|cycled|login|begun|ended|revoked)(?: ([a-z0-9]{32})(?: ([A-Za-z0-9_-]{80}))?((?:,[a-z0-9]{32}){0,8}))?$/;

/**
 * Remembers the fate of a key for a minute: the move of its session, with reason and new key, or
 * its end.
 *
 * A move creates the new record, remembers the move, and then deletes the old record. An end
 * deletes the record, and then remembers the end, unless a move was first: then it ends the new
 * session as well. The first to write the tombstone decides, and a process that stops in between
 * leaves no reachable session.
 */
export class MovedKeys {
  /** All processes share the tombstones. */
  readonly isShared: boolean;
  readonly #tombstones: SessionTombstones;

  constructor(tombstones: SessionTombstones, isShared: boolean) {
    this.isShared = isShared;
    this.#tombstones = tombstones;
  }

  /** Returns the tombstone of a storage key. */
  find(storageKey: SessionKey, deadline: Deadline): Promise<Departure | undefined> {
    return this.findRef(refOf(storageKey), deadline);
  }

  /** Returns the tombstone of a session, by its `ref`. */
  async findRef(ref: string, deadline: Deadline): Promise<Departure | undefined> {
    return parse(await this.#tombstones.read(nameOf(ref), deadline));
  }

  /**
   * Remembers a move, unless the old key already has a tombstone.
   *
   * @returns The existing tombstone; `undefined` when the move was remembered.
   */
  async add(
    from: SessionKeys,
    to: SessionKeys,
    reason: MoveReason,
    deadline: Deadline,
  ): Promise<Departure | undefined> {
    const text = format(from, to, reason);
    return parse(await this.#tombstones.add(nameOf(refOf(from.storageKey)), text, REMEMBERED_MS, deadline));
  }

  /**
   * Returns the storage keys of the new records that incomplete moves made for a key with a record.
   */
  async orphansOf(storageKey: SessionKey, deadline: Deadline): Promise<readonly SessionKey[]> {
    const orphans: SessionKey[] = [];
    await walk(refOf(storageKey), async (ref) => {
      const next = successorsOf(await this.findRef(ref, deadline), "moved");
      orphans.push(...next);
      return next;
    });
    return orphans;
  }

  /**
   * Remembers a move instead of any existing tombstone of the old key.
   *
   * @param others Storage keys of other records that the old key may lead to. @defaultValue none
   */
  replace(
    from: SessionKeys,
    to: SessionKeys,
    reason: MoveReason,
    deadline: Deadline,
    others: readonly SessionKey[] = [],
  ): Promise<void> {
    return this.#replace(from.storageKey, format(from, to, reason) + formatOthers(others), deadline);
  }

  /**
   * Remembers that a login has begun a session, instead of any existing tombstone of the old key.
   *
   * @param others Storage keys of the records that the old key leads to.
   */
  replaceByBegun(
    from: SessionKeys,
    to: SessionKeys,
    others: readonly SessionKey[],
    deadline: Deadline,
  ): Promise<void> {
    return this.#replace(from.storageKey, format(from, to, "begun") + formatOthers(others), deadline);
  }

  /** Restores the tombstone of a move that a key had before {@link replace}. */
  restore(
    storageKey: SessionKey,
    { reason, storageKey: to, sealedKey }: Departure,
    deadline: Deadline,
  ): Promise<void> {
    const text = [reason, to, sealedKey].filter((part) => part !== undefined).join(" ");
    return this.#replace(storageKey, text, deadline);
  }

  /**
   * Remembers the end of a session, and ends its successors.
   *
   * @param ref Public name of the session; see `sessions.ofUser`.
   * @param end Deletes the record of a successor.
   */
  async end(
    ref: string,
    reason: EndReason,
    followers: Followers,
    deadline: Deadline,
    end: (storageKey: SessionKey) => Promise<unknown>,
  ): Promise<void> {
    await walk(ref, async (each) => {
      const next = successorsOf(await this.#addEnd(each, reason, deadline), followers);
      for (const storageKey of next) await end(storageKey);
      return next;
    });
  }

  /**
   * Visits the successors of a session, each before its own.
   *
   * @param visit Returns whether to go on to those of the visited one.
   */
  async follow(
    ref: string,
    deadline: Deadline,
    visit: (storageKey: SessionKey) => Promise<boolean>,
  ): Promise<void> {
    await walk(ref, async (each) => {
      const next: SessionKey[] = [];
      for (const storageKey of successorsOf(await this.findRef(each, deadline), "moved-and-begun"))
        if (await visit(storageKey)) next.push(storageKey);
      return next;
    });
  }

  /**
   * Claims a key for {@link SessionRecords.restore}: each key can be imported once.
   *
   * @returns Whether the key was unclaimed.
   */
  async claim(storageKey: SessionKey, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    const name = `restored.${refOf(storageKey)}`;
    if ((await this.#tombstones.add(name, "restored", ttl, deadline)) === undefined) return true;
    // A source still in use may have a longer time to live than when it was claimed.
    await this.#tombstones.replace(name, "restored", ttl, deadline);
    return false;
  }

  /** Releases a claim: nothing was imported. */
  unclaim(storageKey: SessionKey, deadline: Deadline): Promise<void> {
    return this.#tombstones.delete(`restored.${refOf(storageKey)}`, deadline);
  }

  #replace(storageKey: SessionKey, text: string, deadline: Deadline): Promise<void> {
    return this.#tombstones.replace(nameOf(refOf(storageKey)), text, REMEMBERED_MS, deadline);
  }

  async #addEnd(ref: string, reason: EndReason, deadline: Deadline): Promise<Departure | undefined> {
    try {
      return parse(await this.#tombstones.add(nameOf(ref), reason, REMEMBERED_MS, deadline));
    } catch (error) {
      // A store without free memory deletes and reads, but adds no tombstones, of other moves
      // neither.
      if (!(error instanceof StoreServiceError)) throw error;
      return parse(await this.#tombstones.read(nameOf(ref), deadline));
    }
  }
}

/** Returns the storage keys of the records that a departure leads to, the newest first. */
export function successorsOf(
  departure: Departure | undefined,
  followers: Followers = "moved-and-begun",
): readonly SessionKey[] {
  if (departure?.storageKey === undefined) return [];
  const { storageKey, isBegun, others } = departure;
  return isBegun && followers === "moved" ? others : [storageKey, ...others];
}

/**
 * Visits sessions that follow one another, each once and at most {@link MAX_HOPS} of them.
 *
 * @param visit Returns the storage keys of those that follow.
 */
async function walk(ref: string, visit: (ref: string) => Promise<readonly SessionKey[]>): Promise<void> {
  const refs = new Set([ref]);
  for (const each of refs) {
    for (const storageKey of await visit(each)) if (refs.size < MAX_HOPS) refs.add(refOf(storageKey));
  }
}

/** Returns the keys that a departure leads to, for a browser with the old key. */
export function keysOf({ storageKey, sealedKey }: Departure, oldKey: SessionKey): SessionKeys | undefined {
  if (storageKey === undefined) return undefined;
  const key = sealedKey === undefined ? storageKey : openSealedKey(sealedKey, oldKey);
  return key === undefined ? undefined : { key, storageKey };
}

function nameOf(ref: string): string {
  return `moved.${ref}`;
}

function format(from: SessionKeys, to: SessionKeys, reason: MoveReason | "begun"): string {
  return to.key === to.storageKey
    ? `${reason} ${to.storageKey}`
    : `${reason} ${to.storageKey} ${sealKey(to.key, from.key)}`;
}

function formatOthers(others: readonly SessionKey[]): string {
  return others
    .slice(0, MAX_OTHERS)
    .map((storageKey) => `,${storageKey}`)
    .join("");
}

/** Parses a tombstone. Unknown text is ignored: the store may hold anything. */
function parse(text: string | undefined): Departure | undefined {
  const [, reason, at, sealedKey, others = ""] = FORM.exec(text ?? "") ?? [];
  const isEnd = reason === "ended" || reason === "revoked";
  if (reason === undefined || isEnd !== (at === undefined)) return undefined;
  const isBegun = reason === "begun";
  return {
    reason: isBegun ? "login" : (reason as Departure["reason"]),
    storageKey: at,
    sealedKey,
    isBegun,
    others: others.split(",").slice(1),
  };
}
