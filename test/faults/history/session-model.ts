import type { Ending, History, Kind, Operation } from "./history.ts";

/** Something that has ended a session under a key, or may have. */
export interface Death {
  readonly by: Operation;
  /** Whether the session is dead once the operation has ended. */
  readonly isCertain: boolean;
  /** Whether it can be why the session is gone, not only tell that it is. */
  readonly isCause: boolean;
}

const WRITES: ReadonlySet<Kind> = new Set<Kind>(["set", "append", "update"]);

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

  userOf(key: string): string | undefined {
    const maker = this.makers.get(key);
    if (maker?.kind === "login") return maker.user;
    return maker?.kind === "cycleKey" && maker.key !== undefined ? this.userOf(maker.key) : undefined;
  }

  deaths(key: string): readonly Death[] {
    let deaths = this.#deaths.get(key);
    if (deaths === undefined) {
      const own = this.on(key).flatMap((operation) => deathBy(operation));
      deaths = [...own, ...this.#revocationsOf(key)];
      this.#deaths.set(key, deaths);
    }
    return deaths;
  }

  /** Whether something that began before a time can be why a session is gone. */
  isExplained(key: string, before: number): boolean {
    return this.deaths(key).some(({ by, isCause }) => isCause && by.actAt < before);
  }

  // What a revocation and a creation that overlap lead to depends on who was first in the store, which cannot be seen
  // from here. (The user index has tests of its own that order the steps.)
  #revocationsOf(key: string): Death[] {
    const user = this.userOf(key);
    const maker = this.makers.get(key);
    if (user === undefined || maker === undefined) return [];
    return this.#revocations
      .filter((by) => by.user === user && (by.ending === "unknown" || by.end > maker.actAt))
      .map((by) => ({ by, isCertain: by.ending === "ok" && by.actAt > maker.end, isCause: true }));
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
  if (kind === "logout") return [{ by, isCertain: ending === "ok", isCause: true }];
  if (kind !== "login" && kind !== "cycleKey") return [];
  // A login that carried nothing over has found its session gone.
  return [{ by, isCertain: ending === "ok", isCause: ending === "unknown" || saw?.lineage !== undefined }];
}
