import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { StoreServiceError } from "../../core/errors.ts";
import type { SessionKey } from "../../core/ids.ts";
import type { SessionTombstones } from "../../stores/session-tombstones.ts";
import { openSealedKey, sealKey } from "./sealed-key.ts";
import { refOf } from "../users/user-sessions.ts";

/** Where a session is: the key that the browser has, and the one under which the store has its record. */
export interface SessionPlace {
  /** The browser's key: a secret. */
  readonly key: SessionKey;
  /** The key under which the record is stored: the same, or a hash of it. */
  readonly storageKey: SessionKey;
}

/**
 * Why a session has a new key.
 *
 * - `"renewed"`: the key was old, and the visitor's rights are the same (`renewEvery`, a rotated secret).
 * - `"cycled"`: by `cycleKey`, since the visitor's rights have changed.
 * - `"login"`: by `login`.
 */
export type MoveReason = "renewed" | "cycled" | "login";

/**
 * How a session has ended.
 *
 * - `"ended"`: by the visitor, with a logout or a flush, or by its own expiry. The response has cleared the
 *   cookie, so a request with the key is a late one.
 * - `"revoked"`: from elsewhere. The visitor's browser still has the cookie, and may begin another session.
 */
export type EndReason = "ended" | "revoked";

/** Tombstone of a key that has no record any more. */
export interface Departure {
  readonly reason: MoveReason | EndReason;
  /** The storage key of the new record; `undefined` for a session that has ended. */
  readonly storageKey: SessionKey | undefined;
  /** The new key of the browser, as {@link sealKey} made it, where it is not the storage key. */
  readonly sealedKey: string | undefined;
}

/** How long a moved or ended key is remembered: longer than a request with it can still be under way. */
export const REMEMBERED_MS: Milliseconds = 60_000;

/** Maximum number of keys that are followed from one to the next. */
export const MAX_HOPS = 32;

const FORM = /^(renewed|cycled|login|ended|revoked)(?: ([a-z0-9]{32})(?: ([A-Za-z0-9_-]{80}))?)?$/;

/**
 * Remembers for a minute what became of a key: that its session has moved, why and where to, or that it has
 * ended.
 *
 * A move creates the new record, remembers the move, and then deletes the old record. An end deletes the
 * record, and then remembers the end, unless a move was first: then it ends the new place as well. So
 * whichever comes first at the tombstone decides, and no process that stops in between leaves a session that
 * can be reached.
 */
export class MovedKeys {
  /** Whether all processes know what is remembered. */
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
   * Remembers a move, unless something is remembered of the old key already.
   *
   * @returns What is remembered instead; `undefined` when it is this move.
   */
  async add(
    from: SessionPlace,
    to: SessionPlace,
    reason: MoveReason,
    deadline: Deadline,
  ): Promise<Departure | undefined> {
    const text = format(from, to, reason);
    return parse(await this.#tombstones.add(nameOf(refOf(from.storageKey)), text, REMEMBERED_MS, deadline));
  }

  /** Returns the storage keys of new records, of moves that have not come about, of a key that has a record. */
  async secondsOf(storageKey: SessionKey, deadline: Deadline): Promise<readonly SessionKey[]> {
    const seconds: SessionKey[] = [];
    let next = (await this.find(storageKey, deadline))?.storageKey;
    while (next !== undefined && seconds.length < MAX_HOPS) {
      seconds.push(next);
      next = (await this.find(next, deadline))?.storageKey;
    }
    return seconds;
  }

  /** Remembers a move in the place of whatever is remembered of the old key. */
  replace(from: SessionPlace, to: SessionPlace, reason: MoveReason, deadline: Deadline): Promise<void> {
    return this.#tombstones.replace(nameOf(refOf(from.storageKey)), format(from, to, reason), REMEMBERED_MS, deadline);
  }

  /** Puts back what was remembered of a key before {@link replace}. */
  restore(storageKey: SessionKey, { reason, storageKey: to, sealedKey }: Departure, deadline: Deadline): Promise<void> {
    const text = [reason, to, sealedKey].filter((part) => part !== undefined).join(" ");
    return this.#tombstones.replace(nameOf(refOf(storageKey)), text, REMEMBERED_MS, deadline);
  }

  /**
   * Remembers that sessions have ended, and ends those that they have moved to.
   *
   * @param ref Names the session; see `sessions.ofUser`.
   * @param end Deletes the record of a storage key that the session has moved to.
   */
  async end(
    ref: string,
    reason: EndReason,
    deadline: Deadline,
    end: (storageKey: SessionKey) => Promise<unknown>,
  ): Promise<void> {
    let next: string | undefined = ref;
    for (let hop = 0; next !== undefined && hop < MAX_HOPS; hop++) {
      const storageKey: SessionKey | undefined = (await this.#addEnd(next, reason, deadline))?.storageKey;
      if (storageKey !== undefined) await end(storageKey);
      next = storageKey && refOf(storageKey);
    }
  }

  /**
   * Claims a key for {@link SessionRecords.restore}: each key can be taken over once.
   *
   * @returns Whether it was not claimed before.
   */
  async claim(storageKey: SessionKey, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    const name = `restored.${refOf(storageKey)}`;
    if ((await this.#tombstones.add(name, "restored", ttl, deadline)) === undefined) return true;
    // A source that is still in use lives for longer than when it was claimed.
    await this.#tombstones.replace(name, "restored", ttl, deadline);
    return false;
  }

  /** Gives a claim back: nothing was taken over. */
  unclaim(storageKey: SessionKey, deadline: Deadline): Promise<void> {
    return this.#tombstones.delete(`restored.${refOf(storageKey)}`, deadline);
  }

  async #addEnd(ref: string, reason: EndReason, deadline: Deadline): Promise<Departure | undefined> {
    try {
      return parse(await this.#tombstones.add(nameOf(ref), reason, REMEMBERED_MS, deadline));
    } catch (error) {
      // A store that has no memory left deletes and reads, but remembers nothing new: no other move either.
      if (!(error instanceof StoreServiceError)) throw error;
      return parse(await this.#tombstones.read(nameOf(ref), deadline));
    }
  }
}

/** The place that a departure leads to, for the browser that has the old key. */
export function placeOf({ storageKey, sealedKey }: Departure, oldKey: SessionKey): SessionPlace | undefined {
  if (storageKey === undefined) return undefined;
  const key = sealedKey === undefined ? storageKey : openSealedKey(sealedKey, oldKey);
  return key === undefined ? undefined : { key, storageKey };
}

function nameOf(ref: string): string {
  return `moved.${ref}`;
}

function format(from: SessionPlace, to: SessionPlace, reason: MoveReason): string {
  return to.key === to.storageKey
    ? `${reason} ${to.storageKey}`
    : `${reason} ${to.storageKey} ${sealKey(to.key, from.key)}`;
}

/** Another text than ours tells nothing: the store may hold anything. */
function parse(text: string | undefined): Departure | undefined {
  const [, reason, at, sealedKey] = FORM.exec(text ?? "") ?? [];
  const isEnd = reason === "ended" || reason === "revoked";
  if (reason === undefined || isEnd !== (at === undefined)) return undefined;
  return { reason: reason as Departure["reason"], storageKey: at, sealedKey };
}
