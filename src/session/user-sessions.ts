import { createHash, randomBytes } from "node:crypto";
import type { Clock, EpochMilliseconds, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { SessionInterrupted, StoreConnectionError } from "../core/errors.ts";
import type { SessionKey } from "../core/ids.ts";
import type { SessionStore } from "../stores/session-store.ts";
import type { IndexedSession, UserIndex, UserIndexEntry } from "../stores/user-index.ts";
import { describeDevice } from "./device.ts";

/** A session of a user, as `sessions.ofUser` lists it. */
export interface UserSession {
  /** Names the session without being its key: it may be shown, and given to `sessions.revoke`. */
  readonly ref: string;
  readonly createdAt: Date;
  /** To within `sessions.touchEvery`. */
  readonly lastSeenAt: Date;
  /** What the visitor came with, such as `Firefox on Windows`; `undefined` when that is not known. */
  readonly device: string | undefined;
  /** Whether it is the session that was given as the current one. */
  readonly current: boolean;
}

/** A session that is about to be listed. */
export interface Listing {
  readonly userId: string;
  /** Under which it is stored. */
  readonly key: SessionKey;
  /** @defaultValue now */
  readonly createdAt: EpochMilliseconds | undefined;
  readonly ttl: Milliseconds;
  readonly userAgent: string | undefined;
}

/** What a request brings to the creation of a session. */
export interface Creation {
  readonly userAgent: string | undefined;
  /** The user's epoch when the request first set out to create a session; if it fails, the next try must find the same. */
  epoch?: string;
  /** The key, in the store, of the session that goes once the new one is there. */
  replaces?: SessionKey;
}

/** What {@link UserSessions} needs. */
export interface UserSessionsOptions {
  readonly store: SessionStore;
  readonly index: UserIndex;
  readonly clock: Clock;
  /** How many sessions a user may have; `undefined`: any number. */
  readonly maxPerUser: number | undefined;
}

// A creation ends with its deadline; an hour is longer than any that is sensible.
const LEAST_LIST_TTL = 3_600_000;

/** The sessions of each user: who is listed, and that nobody outlives a revocation. */
export class UserSessions {
  readonly #store: SessionStore;
  readonly #index: UserIndex;
  readonly #clock: Clock;
  readonly #maxPerUser: number | undefined;

  constructor({ store, index, clock, maxPerUser }: UserSessionsOptions) {
    this.#store = store;
    this.#index = index;
    this.#clock = clock;
    this.#maxPerUser = maxPerUser;
  }

  /**
   * Creates a record so that it cannot outlive a revocation of its user that has begun meanwhile: lists it first, and
   * afterwards deletes it again if the user's epoch has moved or it had to make room for a later one.
   *
   * @throws {SessionInterrupted} When it was deleted again.
   */
  async guardCreation<Result>(
    listing: Listing,
    creation: Creation,
    deadline: Deadline,
    create: () => Promise<Result>,
  ): Promise<Result> {
    const { userId, key, ttl } = listing;
    const { replaces } = creation;
    const limits = { most: this.#maxPerUser, replaces, ttl: listTtl(ttl), now: this.#clock.now() };
    const { epoch, evicted } = await this.#index.add(userId, this.#entryOf(listing), limits, deadline);
    creation.epoch ??= epoch;
    await this.#deleteAll(evicted, deadline);
    const result = await create();
    const now = await this.#index.check(userId, key, deadline);
    if (now.epoch === creation.epoch && now.isListed) return result;
    await this.#store.delete(key, deadline);
    await this.#index.remove(userId, [key], deadline);
    throw new SessionInterrupted();
  }

  /** Notes that a session was seen, and lists it if it is not listed yet: Django's are not. */
  async see(listing: Listing, deadline: Deadline): Promise<void> {
    await this.#index.put(listing.userId, this.#entryOf(listing), listTtl(listing.ttl), deadline);
  }

  /** Takes a session off the list. */
  forget(userId: string, key: SessionKey, deadline: Deadline): Promise<void> {
    return this.#index.remove(userId, [key], deadline);
  }

  /**
   * The sessions of a user, the one seen last first. Each is looked up; those that are gone are taken off the list.
   *
   * @param isLive Whether a record is there and the user's.
   */
  async list(
    userId: string,
    deadline: Deadline,
    isLive: (key: SessionKey) => Promise<boolean>,
  ): Promise<IndexedSession[]> {
    const listed = await this.#index.list(userId, deadline);
    const checks = await Promise.all(listed.map(({ key }) => isLive(key)));
    const gone = listed.filter((_, index) => checks[index] === false).map(({ key }) => key);
    if (gone.length > 0) await this.#index.remove(userId, gone, deadline);
    return listed
      .filter((_, index) => checks[index])
      .toSorted((left, right) => right.entry.lastSeenAt - left.entry.lastSeenAt);
  }

  /** Deletes one session. @returns The key under which it was stored, if it was there. */
  async revoke(userId: string, ref: string, deadline: Deadline): Promise<readonly SessionKey[]> {
    const listed = await this.#index.list(userId, deadline);
    const key = listed.find((session) => refOf(session.key) === ref)?.key;
    if (key === undefined) return [];
    const wasThere = await this.#store.delete(key, deadline);
    await this.#unlist(userId, [key], deadline);
    return wasThere ? [key] : [];
  }

  /** Deletes all sessions of a user, also those whose creation is under way. @returns The keys of those that were there. */
  async revokeAll(userId: string, exceptRef: string | undefined, deadline: Deadline): Promise<readonly SessionKey[]> {
    const epoch = randomBytes(8).toString("hex");
    let listed = await this.#index.revoke(userId, epoch, LEAST_LIST_TTL, deadline);
    const newest = listed.reduce((latest, { entry }) => Math.max(latest, entry.createdAt), this.#clock.now());
    const ended: SessionKey[] = [];
    const known = new Set<SessionKey>();
    for (;;) {
      const isDoomed = ({ key, entry }: IndexedSession): boolean =>
        !known.has(key) && entry.createdAt <= newest && refOf(key) !== exceptRef;
      const doomed = listed.filter(isDoomed).map(({ key }) => key);
      if (doomed.length === 0) return ended;
      for (const key of doomed) known.add(key);
      ended.push(...(await this.#deleteAll(doomed, deadline)));
      await this.#unlist(userId, doomed, deadline);
      // One of them may have got a new key before it was deleted. The new one is of the same age, and was listed first.
      listed = await this.#index.list(userId, deadline).catch(throwHalfDone);
    }
  }

  /** Sessions that are gone may stay listed: whoever reads the list looks. So the failure does not undo the deletion. */
  async #unlist(userId: string, keys: readonly SessionKey[], deadline: Deadline): Promise<void> {
    await this.#index.remove(userId, keys, deadline).catch(() => {});
  }

  async #deleteAll(keys: readonly SessionKey[], deadline: Deadline): Promise<readonly SessionKey[]> {
    const results = await Promise.allSettled(keys.map((key) => this.#store.delete(key, deadline)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) return keys.filter((_, index) => isFulfilledWith(results[index], true));
    return throwHalfDone(failed.reason);
  }

  #entryOf({ key, createdAt, ttl, userAgent }: Listing): IndexedSession {
    const now = this.#clock.now();
    const entry: UserIndexEntry = {
      createdAt: createdAt ?? now,
      lastSeenAt: now,
      expiresAt: now + ttl,
      device: describeDevice(userAgent) ?? "",
    };
    return { key, entry };
  }
}

/** Whatever became of the last step, some of those before it may have deleted sessions. */
function throwHalfDone(cause: unknown): never {
  const message = "Not all sessions of the user could be deleted; some may be gone already. Try it again.";
  throw new StoreConnectionError(message, { outcome: "unknown", cause });
}

function isFulfilledWith<Value>(result: PromiseSettledResult<Value> | undefined, value: Value): boolean {
  return result?.status === "fulfilled" && result.value === value;
}

/** Names a session by a hash of the key under which it is stored: nobody gets from it to the key. */
export function refOf(key: SessionKey): string {
  return createHash("sha256").update(`sojourn.ref:${key}`).digest("base64url").slice(0, 22);
}

function listTtl(ttl: Milliseconds): Milliseconds {
  return Math.max(ttl, LEAST_LIST_TTL);
}
