import type { Ending, History, Kind, Operation } from "./history.ts";

/** Something that has ended a session under a key, or may have. */
export interface Death {
  readonly by: Operation;
  /** Whether the session is dead once the operation has ended. */
  readonly isCertain: boolean;
  /** Whether it can be why the session is gone, not only tell that it is. */
  readonly isCause: boolean;
  /** Until when it can be why, of an expiry: a renewal had ended by then. */
  readonly until?: number;
}

const WRITES: ReadonlySet<Kind> = new Set<Kind>(["set", "append", "update", "expire", "renew"]);

/** Each sets another expiry, which may be a later one. */
const SETS_EXPIRY: ReadonlySet<Kind> = new Set<Kind>(["expire", "renew"]);

export function isWrite({ kind }: Operation): boolean {
  return WRITES.has(kind);
}

/** Whether an operation with this ending may have had its effect. */
export function mayHaveHappened(ending: Ending): boolean {
  return ending === "ok" || ending === "unknown";
}

/** What the operations of a history mean for the keys: which one came from which, and what has ended each. */
export class SessionModel {
  readonly operations: ReadonlyMap<string, Operation>;
  /** Key -> the operation that made it. Of several logins that were joined, the one that ended first. */
  readonly makers: ReadonlyMap<string, Operation>;
  readonly #byKey: ReadonlyMap<string, readonly Operation[]>;
  readonly #revocations: readonly Operation[];
  readonly #deaths = new Map<string, readonly Death[]>();
  readonly #writes = new Map<string, readonly Operation[]>();

  constructor({ operations }: History) {
    this.operations = new Map(operations.map((operation) => [operation.id, operation]));
    this.makers = makersOf(operations);
    this.#byKey = groupBy(operations, ({ key }) => key);
    this.#revocations = operations.filter(({ kind, ending }) => kind === "revokeUser" && mayHaveHappened(ending));
  }

  on(key: string): readonly Operation[] {
    return this.#byKey.get(key) ?? [];
  }

  /** The key whose session was carried over to this one. */
  previous(key: string): string | undefined {
    const maker = this.makers.get(key);
    return maker?.saw?.lineage === undefined ? undefined : maker.key;
  }

  /** Writes to the session, also under the keys that it had before. */
  writes(key: string): readonly Operation[] {
    let writes = this.#writes.get(key);
    if (writes === undefined) {
      const previous = this.previous(key);
      writes = [...(previous === undefined ? [] : this.writes(previous)), ...this.on(key).filter(isWrite)];
      this.#writes.set(key, writes);
    }
    return writes;
  }

  /** The operation that created the session, under this key or one that it had before; `undefined`: a login did. */
  lineageOf(key: string): string | undefined {
    const maker = this.makers.get(key);
    if (maker?.kind === "create") return maker.id;
    const previous = this.previous(key);
    return previous === undefined ? undefined : this.lineageOf(previous);
  }

  userOf(key: string): string | undefined {
    const maker = this.makers.get(key);
    if (maker?.kind === "login") return maker.user;
    return maker?.kind === "cycleKey" && maker.key !== undefined ? this.userOf(maker.key) : undefined;
  }

  deaths(key: string): readonly Death[] {
    let deaths = this.#deaths.get(key);
    if (deaths === undefined) {
      const own = this.on(key).flatMap((operation) => deathBy(operation));
      deaths = [...own, ...this.#revocationsOf(key), ...this.#expiriesOf(key)];
      this.#deaths.set(key, deaths);
    }
    return deaths;
  }

  /** Whether it may have been its own expiry that has ended a session. */
  mayHaveExpired(key: string | undefined): boolean {
    return key !== undefined && this.deaths(key).some(({ by }) => by.kind === "expire");
  }

  /** Whether something can be why a session is found gone at some moment between two times. */
  isExplained(key: string, { start, end }: Pick<Operation, "start" | "end">): boolean {
    return this.deaths(key).some(
      ({ by, isCause, until = Number.POSITIVE_INFINITY }) => isCause && by.actAt < end && start <= until,
    );
  }

  /**
   * Whether a session that was found gone may come back: another expiry that was under way may be sent to a store
   * that still has it, since times to live begin when they arrive there.
   */
  mayBeRenewed(key: string, { start, end }: Pick<Operation, "start" | "end">): boolean {
    const isUnderWay = (by: Operation) => SETS_EXPIRY.has(by.kind) && by.start < end && by.end > start;
    return this.mayHaveExpired(key) && this.on(key).some(isUnderWay);
  }

  /**
   * Whether a session that was found gone may be seen once more: as long as what ends it is under way, a cache that has
   * dropped the mark of it may have an old copy.
   */
  mayLinger(key: string, { start, end }: Pick<Operation, "start" | "end">): boolean {
    const evictions = this.on(key).filter(({ kind }) => kind === "evict");
    return this.deaths(key).some(
      ({ by, isCause }) =>
        isCause &&
        by.actAt < end &&
        by.end > start &&
        evictions.some((eviction) => eviction.start < by.end && eviction.end > by.actAt),
    );
  }

  /** When the login had ended that has made it a user's, under this key or one that it had before. */
  #loggedInAt(key: string): number {
    const maker = this.makers.get(key);
    const isCarriedOver = maker?.kind === "cycleKey" && maker.key !== undefined;
    return isCarriedOver ? this.#loggedInAt(maker.key) : (maker?.end ?? Number.POSITIVE_INFINITY);
  }

  /** An expiry counts until the end of a renewal that began after it had been set. */
  #expiriesOf(key: string): Death[] {
    const writes = this.writes(key);
    const renewals = writes.filter(({ kind, ending }) => kind === "renew" && ending === "ok");
    return writes
      .filter(({ kind, ending }) => kind === "expire" && mayHaveHappened(ending))
      .map((by) => {
        const later = renewals.filter(({ actAt }) => by.ending === "ok" && actAt > by.end);
        const until = Math.min(Number.POSITIVE_INFINITY, ...later.map(({ end }) => end));
        return { by, isCertain: false, isCause: true, until };
      });
  }

  // What a revocation and a login that overlap lead to depends on who was first in the store, which cannot be seen
  // from here. (The user index has tests of its own that order the steps.)
  #revocationsOf(key: string): Death[] {
    const user = this.userOf(key);
    const maker = this.makers.get(key);
    if (user === undefined || maker === undefined) return [];
    return this.#revocations
      .filter((by) => by.user === user && (by.ending === "unknown" || by.end > maker.actAt))
      .map((by) => ({ by, isCertain: by.ending === "ok" && by.actAt > this.#loggedInAt(key), isCause: true }));
  }
}

/** What has no group is left out. */
export function groupBy<Item, Key>(items: readonly Item[], groupOf: (item: Item) => Key | undefined): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const group = groupOf(item);
    if (group === undefined) continue;
    const members = groups.get(group);
    if (members) members.push(item);
    else groups.set(group, [item]);
  }
  return groups;
}

function makersOf(operations: readonly Operation[]): Map<string, Operation> {
  const makers = new Map<string, Operation>();
  for (const operation of operations) {
    if (operation.newKey === undefined) continue;
    const known = makers.get(operation.newKey);
    if (known === undefined || operation.end < known.end) makers.set(operation.newKey, operation);
  }
  return makers;
}

function deathBy(by: Operation): Death[] {
  const { kind, ending, saw } = by;
  if (!mayHaveHappened(ending)) return [];
  if (kind === "logout" || kind === "revoke") return [{ by, isCertain: ending === "ok", isCause: true }];
  if (kind !== "login" && kind !== "cycleKey") return [];
  // A login that carried nothing over has found its session gone.
  return [{ by, isCertain: ending === "ok", isCause: ending === "unknown" || saw?.lineage !== undefined }];
}
