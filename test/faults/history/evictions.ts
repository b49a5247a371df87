import type { Operation } from "./history.ts";
import { groupBy } from "./group-by.ts";

const FAILURES: ReadonlySet<string> = new Set(["unknown", "not-sent", "unread"]);

/** When a session may have been there, and what was done to it. */
export interface Life {
  readonly maker: Operation;
  readonly to: number;
  readonly changes: readonly Operation[];
}

/** Logins that may have ended older sessions of their user, since there were as many as `maxPerUser` allows. */
export class Evictions {
  readonly #livesOf: (user: string) => readonly Life[];
  readonly #maxPerUser: number;
  readonly #logins: ReadonlyMap<string, readonly Operation[]>;
  /** After a failure, sessions may be listed that are not there. They take room until their entries end. */
  readonly #hasFailures: boolean;
  readonly #evicting = new Map<string, ReadonlySet<Operation>>();

  constructor(
    operations: readonly Operation[],
    maxPerUser: number,
    livesOf: (user: string) => readonly Life[],
  ) {
    this.#livesOf = livesOf;
    this.#maxPerUser = maxPerUser;
    const logins = operations.filter(({ kind, actAt, start }) => kind === "login" && actAt >= start);
    this.#logins = groupBy(logins, ({ user }) => user);
    this.#hasFailures = operations.some(({ ending }) => FAILURES.has(ending));
  }

  /** Those of a user. */
  by(user: string): ReadonlySet<Operation> {
    let evicting = this.#evicting.get(user);
    if (evicting === undefined) {
      evicting = new Set(this.#find(user));
      this.#evicting.set(user, evicting);
    }
    return evicting;
  }

  mayEvict(login: Operation): boolean {
    return login.user !== undefined && this.by(login.user).has(login);
  }

  #find(user: string): readonly Operation[] {
    const logins = this.#logins.get(user) ?? [];
    if (this.#hasFailures) return logins;
    const lives = this.#livesOf(user);
    return logins.filter((login) => {
      const others = lives.filter(
        ({ maker, to }) => maker !== login && maker.actAt < login.end && to > login.actAt,
      );
      const listed = others.reduce((count, life) => count + entriesOf(life, login), 0);
      // Each of the logins that are joined in one lists a session of its own until it has lost.
      const rivals = logins.filter(
        (each) => each !== login && each.start < login.end && each.end > login.actAt,
      );
      return listed + rivals.length >= this.#maxPerUser;
    });
  }
}

/** A session whose key is being replaced is listed under both. */
function entriesOf({ changes }: Life, { actAt, end }: Operation): number {
  return changes.some((change) => change.start < end && change.end > actAt) ? 2 : 1;
}
