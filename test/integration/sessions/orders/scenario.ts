import { SessionInterrupted, type Session } from "sojourn";

/** The data of a session of these tests. */
export interface Data {
  lineage?: string;
  n?: number;
  [own: `own${number}`]: number;
}

/** The settings that an actor's process has, besides those of all. */
export type Variant = "plain" | "renewing" | "rotated";

/** The act of one request. */
export interface Act {
  readonly name: string;
  /** @defaultValue `"plain"` */
  readonly variant?: Variant;
  /** Whether others with the old key may be interrupted by it: it takes rights away, or changes them. */
  readonly interrupts?: boolean;
  /** Whether it gives the session a key that no other request gets at. */
  readonly cycles?: boolean;
  /** Whether it ends the session. */
  readonly ends?: boolean;
  /** The user who is logged in afterwards. */
  readonly user?: string;
  /** The data that it writes, once it is acknowledged. */
  readonly writes?: "own" | "count";
  /** Whether it succeeds whatever becomes of the session. */
  readonly onlyReads?: boolean;
  readonly handle: (session: Session<Data>, context: ActContext) => unknown;
}

export interface ActContext {
  readonly actor: number;
  readonly revokeUser: () => Promise<unknown>;
  /** Ends the session by the name that it had when it was listed. */
  readonly revoke: () => Promise<unknown>;
}

const setOwn = (session: Session<Data>, { actor }: ActContext) => void (session.data[`own${actor}`] = actor);

/** The user who is logged in when a scenario begins, unless nobody is. */
export const USER = "7";

export const ACTS = {
  read: { name: "read", onlyReads: true, handle: () => {} },
  write: { name: "write", writes: "own", handle: setOwn },
  update: {
    name: "update",
    writes: "count",
    handle: (session) => session.update((data) => void (data.n = (data.n ?? 0) + 1)),
  },
  setExpiry: { name: "setExpiry", handle: (session) => session.setExpiry(7200) },
  /** `renewEvery`, on a request that only reads, and on one that writes. */
  renewal: { name: "renewal", variant: "renewing", onlyReads: true, handle: () => {} },
  writingRenewal: { name: "writing renewal", variant: "renewing", writes: "own", handle: setOwn },
  /** As djangoAuth().getUser() does. */
  rehash: { name: "rehash", handle: (session) => session.renewKey() },
  rotation: { name: "rotation", variant: "rotated", onlyReads: true, handle: () => {} },
  login: { name: "login", interrupts: true, user: USER, handle: (session) => session.login(USER) },
  loginOfOther: {
    name: "login of another",
    interrupts: true,
    user: "8",
    handle: (session) => session.login("8"),
  },
  cycleKey: { name: "cycleKey", interrupts: true, cycles: true, handle: (session) => session.cycleKey() },
  logout: { name: "logout", interrupts: true, ends: true, handle: (session) => session.logout() },
  revokeUser: {
    name: "revokeUser",
    interrupts: true,
    ends: true,
    handle: (_, { revokeUser }) => revokeUser(),
  },
  revoke: { name: "revoke", interrupts: true, ends: true, handle: (_, { revoke }) => revoke() },
} as const satisfies Record<string, Act>;

/** Requests of one browser, all of them sent before the first response arrives. */
export interface Scenario {
  readonly acts: readonly Act[];
  /** Whether each has a process of its own. */
  readonly isShared: boolean;
  /** Whether they come with a key that was renewed a moment ago. */
  readonly hasOldKey: boolean;
  readonly isLoggedIn: boolean;
}

export function titleOf({ acts, isShared, hasOldKey, isLoggedIn }: Scenario): string {
  const names = acts.map(({ name }) => name).join(" | ");
  const who = isLoggedIn ? "a user" : "nobody";
  return `${names}, in ${isShared ? "two processes" : "one process"}, with ${hasOldKey ? "an old" : "the newest"} key, of ${who}`;
}

/** How a request has ended. */
export interface Outcome {
  readonly act: Act;
  readonly ending: "ok" | "interrupted" | "failed";
  readonly error?: unknown;
}

export function endingOf(act: Act, error: unknown): Outcome {
  return { act, ending: error instanceof SessionInterrupted ? "interrupted" : "failed", error };
}
