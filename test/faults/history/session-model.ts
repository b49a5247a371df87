import { Evictions, type Life } from "./evictions.ts";
import { groupBy } from "./group-by.ts";
import { byMaking, makersOf } from "./makers.ts";
import { Strands } from "./strands.ts";
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

/** Those that end a session wherever it has moved to. */
export const ENDS: ReadonlySet<Kind> = new Set<Kind>(["logout", "revoke"]);

/** Those that give a session a key which the old one does not lead to, or begin one. */
export const MAKES_KEY: ReadonlySet<Kind> = new Set<Kind>(["create", "login", "cycleKey"]);

/** For how long what became of a key is remembered for certain, in milliseconds of the engine's clock. */
const REMEMBERED_FOR = 50_000;

export function isWrite({ kind }: Operation): boolean {
  return WRITES.has(kind);
}

/**
 * Whether an operation with this ending may have had its effect. What ended `"unknown"` may have had it or
 * not, once, and at any later time until its commands have arrived: a write is there or is not; a login or a
 * new key may have taken the session away from the old key, while nobody has heard of the new one; a logout
 * or a revocation may have ended the session, and what it has led to. It may do no more than that.
 */
export function mayHaveHappened(ending: Ending): boolean {
  return ending === "ok" || ending === "unknown";
}

/**
 * Model of the sessions of a history: the origin of each, and the operation that has ended it.
 * A session is named by any of its keys: a renewal gives it another one, and the old one leads to the session
 * all the same.
 */
export class SessionModel {
  readonly operations: ReadonlyMap<string, Operation>;
  /** Session -> the operation that made it. Of several logins that were joined, the one that ended first. */
  readonly makers: ReadonlyMap<string, Operation>;
  /** Operations that are said to have made a session which another one has made. */
  readonly rivals: readonly (readonly [Operation, Operation])[];
  /** For how long what became of a key is remembered for certain, in milliseconds from when the key was made. */
  readonly rememberedFor: number;
  readonly #strands: Strands;
  /** Session -> those that logins and new keys have led here from. */
  readonly #origins = new Map<string, ReadonlySet<string>>();
  readonly #byKey: ReadonlyMap<string, readonly Operation[]>;
  readonly #revocations: readonly Operation[];
  readonly #evictions: Evictions | undefined;
  readonly #ownDeaths = new Map<string, readonly Death[]>();
  readonly #deaths = new Map<string, readonly Death[]>();
  readonly #writes = new Map<string, readonly Operation[]>();

  constructor(history: History) {
    const { operations, clockSpeed = 1 } = history;
    this.rememberedFor = REMEMBERED_FOR / clockSpeed;
    this.operations = new Map(operations.map((operation) => [operation.id, operation]));
    this.#strands = strandsOf(history);
    const made = groupBy([...makersOf(operations)], ([key]) => this.strandOf(key));
    const makers = new Map(
      [...made].map(([strand, each]) => [strand, each.map(([, by]) => by).toSorted(byMaking)]),
    );
    this.makers = new Map([...makers].map(([strand, [first]]) => [strand, first as Operation]));
    this.rivals = [...makers.values()].flatMap(([first, ...others]) =>
      others.filter(({ isJoined }) => isJoined !== true).map((other) => [first as Operation, other] as const),
    );
    const leading = operations.filter(
      ({ kind, key, newKey }) => kind !== "create" && key !== undefined && newKey,
    );
    for (const [strand, each] of groupBy(leading, ({ newKey }) => this.strandOf(newKey ?? "")))
      this.#origins.set(
        strand,
        new Set(each.map(({ key = "" }) => this.strandOf(key)).filter((from) => from !== strand)),
      );
    this.#byKey = groupBy(operations, ({ key }) => (key === undefined ? undefined : this.strandOf(key)));
    this.#revocations = operations.filter(
      ({ kind, ending }) => kind === "revokeUser" && mayHaveHappened(ending),
    );
    if (history.maxPerUser !== undefined) {
      this.#evictions = new Evictions(operations, history.maxPerUser, (user) => this.#livesOf(user));
    }
  }

  /** The name of a session that all of its keys share. */
  strandOf(key: string): string {
    return this.#strands.of(key);
  }

  makerOf(key: string): Operation | undefined {
    return this.makers.get(this.strandOf(key));
  }

  on(key: string): readonly Operation[] {
    return this.#byKey.get(this.strandOf(key)) ?? [];
  }

  /** The key whose session was carried over to this one. */
  previous(key: string): string | undefined {
    const maker = this.makerOf(key);
    if (maker?.saw?.lineage === undefined || maker.key === undefined) return undefined;
    const from = this.#originOf(maker) ?? maker.key;
    // A login that has joined another one, of which nothing is known, may come with the key that it leads to.
    return this.strandOf(from) === this.strandOf(key) ? undefined : from;
  }

  /**
   * The login that another one has joined, and whose own answer got lost: it has made the session, from a key
   * that the other one need not have come with.
   */
  joinedBy(joining: Operation): Operation | undefined {
    const origin = this.#originOf(joining);
    return this.#joinable(joining).find(({ key, ending }) => ending === "unknown" && key === origin);
  }

  /**
   * The key whose session a login has carried over. One that has joined another login shows the session of that
   * one's key: of several, the one whose session it shows. Without any, it is the first that it may have joined.
   */
  #originOf(login: Operation): string | undefined {
    if (login.isJoined !== true) return login.key;
    const keys = [...this.#joinable(login).map(({ key }) => key), login.key].filter(
      (key) => key !== undefined,
    );
    return keys.find((key) => this.lineageOf(key) === login.saw?.lineage) ?? keys[0];
  }

  /**
   * Logins of the same visitor that another one may have joined, the latest first: those whose answers got lost,
   * then those under way, which have given up that session and begun another one.
   */
  #joinable({ id, user, visitor, newKey = "", start, end }: Operation): Operation[] {
    const earlier = [...this.operations.values()].filter(
      (by) =>
        by.kind === "login" &&
        by.id !== id &&
        by.user === user &&
        by.visitor === visitor &&
        by.start < end &&
        (by.key === undefined || this.strandOf(by.key) !== this.strandOf(newKey)),
    );
    const latest = earlier.toSorted((left, right) => right.start - left.start);
    const lost = latest.filter(({ ending }) => ending === "unknown");
    return [
      ...lost,
      ...latest.filter((by) => by.ending !== "unknown" && by.isJoined !== true && by.end > start),
    ];
  }

  /** Writes to the session, also under the keys that it had before. */
  writes(key: string): readonly Operation[] {
    const strand = this.strandOf(key);
    let writes = this.#writes.get(strand);
    if (writes === undefined) {
      const previous = this.previous(key);
      writes = [...(previous === undefined ? [] : this.writes(previous)), ...this.on(key).filter(isWrite)];
      this.#writes.set(strand, writes);
    }
    return writes;
  }

  /**
   * The operation that created the session, under this key or one that it had before; `undefined`: a login
   * did.
   */
  lineageOf(key: string): string | undefined {
    const maker = this.makerOf(key);
    if (maker?.kind === "create") return maker.id;
    const previous = this.previous(key);
    return previous === undefined ? undefined : this.lineageOf(previous);
  }

  userOf(key: string): string | undefined {
    const maker = this.makerOf(key);
    if (maker?.kind === "login") return maker.user;
    return maker?.kind === "cycleKey" && maker.key !== undefined ? this.userOf(maker.key) : undefined;
  }

  deaths(key: string): readonly Death[] {
    const strand = this.strandOf(key);
    let deaths = this.#deaths.get(strand);
    if (deaths === undefined) {
      deaths = [...this.ownDeaths(key), ...this.#evictionsOf(key)];
      this.#deaths.set(strand, deaths);
    }
    return deaths;
  }

  /** Those by anything but a login of the same user for which it has made room. */
  ownDeaths(key: string): readonly Death[] {
    const strand = this.strandOf(key);
    let deaths = this.#ownDeaths.get(strand);
    if (deaths === undefined) {
      const own = this.on(key).flatMap((operation) => deathBy(operation));
      deaths = [...own, ...this.#endsFollowed(strand), ...this.#revocationsOf(key), ...this.#expiriesOf(key)];
      this.#ownDeaths.set(strand, deaths);
    }
    return deaths;
  }

  /** Whether a login may have ended other sessions of its user. */
  mayEvict(login: Operation): boolean {
    return this.#evictions?.mayEvict(login) === true;
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
   * Whether a session that was found gone may be seen once more: as long as what ends it is under way, a
   * cache that has dropped the mark of it may have an old copy.
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

  /**
   * Logouts and revocations of the sessions that this one came from: they follow each move, and end what it
   * leads to.
   */
  #endsFollowed(strand: string): Death[] {
    const maker = this.makers.get(strand);
    const found: Death[] = [];
    const visited = new Set([strand]);
    const visit = (at: string, isCarried: boolean) => {
      for (const from of this.#origins.get(at) ?? []) {
        if (visited.has(from)) continue;
        visited.add(from);
        const carries = isCarried && this.#isCarriedOver(from, at);
        // A login that has begun a session is remembered at the last key that the old one leads to, and
        // one that has joined another has followed the old one as far.
        const leading = carries && maker?.isJoined !== true ? [from] : this.#descendantsOf(from);
        for (const by of [...leading].flatMap((each) => this.on(each))) {
          if (!ENDS.has(by.kind) || !mayHaveHappened(by.ending) || maker === undefined) continue;
          if (by.ending === "ok" && by.end < maker.start) continue;
          const isRemembered = by.actAt - (this.makers.get(from)?.start ?? 0) < this.rememberedFor;
          found.push({ by, isCertain: carries && by.ending === "ok" && isRemembered, isCause: true });
        }
        visit(from, carries);
      }
    };
    visit(strand, true);
    return found;
  }

  /** This session, and those that it has led to over any number of logins and new keys. */
  #descendantsOf(strand: string): ReadonlySet<string> {
    const found = new Set([strand]);
    for (const from of found) {
      for (const [to, origins] of this.#origins) if (origins.has(from)) found.add(to);
    }
    return found;
  }

  #isCarriedOver(from: string, to: string): boolean {
    const maker = this.makers.get(to);
    const previous = this.previous(to);
    return maker?.ending === "ok" && previous !== undefined && this.strandOf(previous) === from;
  }

  /**
   * Whether a session that was found gone may be there all the same: while a login or a new key is under way,
   * the old key leads nowhere already, and one that it was renewed to still leads to the session. Where the
   * move fails, both do again, but the old one may not when the outcome is unknown.
   */
  mayBeMoving(key: string, { start, end }: Pick<Operation, "start" | "end">): boolean {
    const isMove = ({ kind }: Operation) => kind === "login" || kind === "cycleKey";
    return this.on(key).some(
      (by) => isMove(by) && by.actAt < end && (by.end > start || by.ending === "unknown"),
    );
  }

  /** When the login had ended that has made it a user's, under this key or one that it had before. */
  #loggedInAt(key: string): number {
    const maker = this.makerOf(key);
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

  #livesOf(user: string): readonly Life[] {
    const own = [...this.makers].filter(([strand]) => this.userOf(strand) === user);
    return own.map(([strand, maker]) => {
      const ends = this.ownDeaths(strand).filter(({ isCertain }) => isCertain);
      const to = Math.min(Number.POSITIVE_INFINITY, ...ends.map(({ by }) => by.end));
      return { maker, to, changes: this.on(strand) };
    });
  }

  /** Sessions that make room: the oldest ones, which is not looked at. */
  #evictionsOf(key: string): Death[] {
    const [user, maker] = [this.userOf(key), this.makerOf(key)];
    if (this.#evictions === undefined || user === undefined || maker === undefined) return [];
    return [...this.#evictions.by(user)]
      .filter((by) => by !== maker && by.end > maker.actAt)
      .map((by) => ({ by, isCertain: false, isCause: true }));
  }

  // The result of a revocation and a login that overlap depends on who was first in the store, which cannot be
  // seen from here. (The user index has tests of its own that order the steps.)
  #revocationsOf(key: string): Death[] {
    const user = this.userOf(key);
    const maker = this.makerOf(key);
    if (user === undefined || maker === undefined) return [];
    return this.#revocations
      .filter((by) => by.user === user && (by.ending === "unknown" || by.end > maker.actAt))
      .map((by) => ({
        by,
        isCertain: by.ending === "ok" && by.actAt > this.#loggedInAt(key),
        isCause: true,
      }));
  }
}

function strandsOf({ operations, foundKeys }: History): Strands {
  const strands = new Strands();
  for (const [key, found] of foundKeys ?? []) strands.join(key, found);
  for (const { kind, key, foundKey, setCookie, isStranger, newKey, ending } of operations) {
    // The new key may have been renewed before the response has left.
    if (newKey !== undefined && setCookie !== undefined && setCookie !== "") strands.join(newKey, setCookie);
    if (key === undefined || foundKey === undefined || isStranger) continue;
    strands.join(key, foundKey);
    const isRenewal = !MAKES_KEY.has(kind) || (newKey === undefined && ending !== "ok");
    if (setCookie !== undefined && setCookie !== "" && isRenewal) strands.join(key, setCookie);
  }
  for (const login of operations.filter(hasJoinedInVain)) {
    const { newKey = "" } = login;
    const isKnown = operations.some(
      (each) =>
        each !== login &&
        [each.key, each.newKey, each.setCookie, each.foundKey].some((key) => key === newKey),
    );
    const joined = isKnown ? undefined : operations.find((each) => isTakenBy(each, login, strands));
    if (joined?.newKey !== undefined) strands.join(newKey, joined.newKey);
  }
  return strands;
}

/**
 * Returns whether a request has joined the login of another one, whose session ended before the response left: the
 * key that it has found may be that of a renewal which no response has brought.
 */
function hasJoinedInVain({ kind, isStranger, isJoined, newKey, setCookie }: Operation): boolean {
  const hasJoined = kind === "login" && isStranger === true && isJoined === true;
  return hasJoined && newKey !== undefined && setCookie === undefined;
}

/** Returns whether an operation is the login to which the old key of another one leads. */
function isTakenBy(by: Operation, login: Operation, strands: Strands): boolean {
  if (by.kind !== "login" || by.isJoined === true || by.newKey === undefined || by.ending !== "ok")
    return false;
  if (by.user !== login.user || by.saw?.lineage !== login.saw?.lineage || by.start >= login.end) return false;
  return by.key !== undefined && login.key !== undefined && strands.of(by.key) === strands.of(login.key);
}

function deathBy(by: Operation): Death[] {
  const { kind, ending, saw, isJoined = false } = by;
  if (!mayHaveHappened(ending)) return [];
  if (kind === "logout" || kind === "revoke") return [{ by, isCertain: ending === "ok", isCause: true }];
  if (kind !== "login" && kind !== "cycleKey") return [];
  // A login that carried nothing over has found its session gone.
  return [
    {
      by,
      isCertain: ending === "ok",
      isCause: ending === "unknown" || (saw?.lineage !== undefined && !isJoined),
    },
  ];
}
