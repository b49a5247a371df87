import { setTimeout as pause } from "node:timers/promises";
import type { Sessions } from "sojourn";
import type { Random } from "../../support/random.ts";
import type { Operation } from "./history.ts";
import { Operator, type Subject } from "./operator.ts";
import type { VisitorData } from "./visitor-data.ts";

/** How often each kind comes, among 100. */
const WEIGHTS = {
  read: 27,
  set: 20,
  append: 20,
  update: 21,
  cycleKey: 4,
  login: 4,
  logout: 2,
  revokeUser: 2,
} as const;

/** The cookies that the visitors have at the moment, as far as this process has heard. */
export interface Cookies {
  of(visitor: number): string | undefined;
  /** Tells the other processes too. */
  set(visitor: number, key: string): void;
  /** The session is gone: a new one is needed. */
  drop(visitor: number, key: string): void;
  /** Whether this process is the one that creates this visitor's sessions. */
  isOwn(visitor: number): boolean;
}

export interface LaneOptions {
  readonly sessions: Sessions<VisitorData>;
  readonly process: number;
  readonly name: string;
  readonly visitors: number;
  readonly users: number;
  readonly random: Random;
  readonly cookies: Cookies;
  readonly record: (operation: Operation) => void;
}

/** Does one operation after another, on the sessions of visitors that it shares with all other lanes. */
export class Lane {
  readonly #options: LaneOptions;
  readonly #operator: Operator;

  constructor(options: LaneOptions) {
    this.#options = options;
    const { sessions, process, name: lane, record, random } = options;
    const hesitate = async () => random.next() < 0.5 && pause(random.integer(0, 15));
    this.#operator = new Operator({ sessions, process, lane, record, hesitate });
  }

  async run(operations: number): Promise<void> {
    const { random, visitors, cookies } = this.#options;
    while (this.#operator.turns < operations) {
      const visitor = random.integer(0, visitors - 1);
      const key = cookies.of(visitor);
      if (key !== undefined) await this.#step(visitor, key);
      else if (cookies.isOwn(visitor)) await this.#create(visitor);
      else await pause(2);
    }
  }

  async #create(visitor: number): Promise<void> {
    const created = await this.#perform({ kind: "create" });
    if (created.newKey !== undefined) this.#options.cookies.set(visitor, created.newKey);
  }

  async #step(visitor: number, key: string): Promise<void> {
    const { random, users, cookies } = this.#options;
    const kind = random.weighted(WEIGHTS);
    const user = `user${visitor % users}`;
    if (kind === "revokeUser") {
      await this.#perform({ kind, user });
      return;
    }
    const done = await this.#perform(kind === "login" ? { kind, key, user } : { kind, key });
    // A session without a lineage could not be told from one that was lost, so nobody goes on with it.
    if (done.newKey !== undefined && done.saw?.lineage !== undefined) cookies.set(visitor, done.newKey);
    else if (done.newKey !== undefined || done.ending === "absent" || kind === "logout") cookies.drop(visitor, key);
  }

  async #perform(subject: Subject): Promise<Operation> {
    const operation = await this.#operator.perform(subject);
    // A refused connection fails at once: without a rest, one refusal would use up all operations.
    if (operation.ending !== "ok") await pause(10);
    return operation;
  }
}
