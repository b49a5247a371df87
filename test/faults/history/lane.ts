import { setTimeout as pause } from "node:timers/promises";
import { SessionConflictError, SessionInterrupted, type Sessions, StoreConnectionError } from "sojourn";
import type { Random } from "../../support/random.ts";
import type { Call, Ending, Kind, Operation } from "./history.ts";
import { monotonic } from "./pause-watch.ts";
import { sightOf, type VisitorData } from "./visitor-data.ts";

/** How often each kind comes, among 100. */
const WEIGHTS: Readonly<Record<Exclude<Kind, "create">, number>> = {
  read: 27,
  set: 20,
  append: 20,
  update: 21,
  cycleKey: 4,
  login: 4,
  logout: 2,
  revokeUser: 2,
};

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

type Subject = Pick<Operation, "kind" | "key" | "user">;
type Yield = Pick<Operation, "saw" | "newKey">;

/** Does one operation after another, on the sessions of visitors that it shares with all other lanes. */
export class Lane {
  readonly #options: LaneOptions;
  #turn = 0;
  #calls: Call[] = [];
  #actAt: number | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  async run(operations: number): Promise<void> {
    const { random, visitors, cookies } = this.#options;
    while (this.#turn < operations) {
      const visitor = random.integer(0, visitors - 1);
      const key = cookies.of(visitor);
      if (key !== undefined) await this.#step(visitor, key);
      else if (cookies.isOwn(visitor)) await this.#create(visitor);
      else await pause(2);
    }
  }

  async #create(visitor: number): Promise<void> {
    const { sessions, cookies } = this.#options;
    const created = await this.#operation({ kind: "create" }, async (id) => {
      const session = await this.#act("create", () => sessions.create({ lineage: id }));
      return { newKey: session.cookieHeader };
    });
    if (created.newKey !== undefined) cookies.set(visitor, created.newKey);
  }

  async #step(visitor: number, key: string): Promise<void> {
    const { random, users, cookies, sessions } = this.#options;
    const kind = random.weighted(WEIGHTS);
    const user = `user${visitor % users}`;
    if (kind === "revokeUser") {
      await this.#operation({ kind, user }, async () => {
        await this.#act(kind, () => sessions.revokeUser(user));
        return {};
      });
      return;
    }
    const subject = kind === "login" ? { kind, key, user } : { kind, key };
    const done = await this.#operation(subject, (id) =>
      kind === "read" ? this.#read(key) : this.#change(id, subject),
    );
    // A session without a lineage could not be told from one that was lost, so nobody goes on with it.
    if (done.newKey !== undefined && done.saw?.lineage !== undefined) cookies.set(visitor, done.newKey);
    else if (done.newKey !== undefined || done.ending === "absent" || kind === "logout") cookies.drop(visitor, key);
  }

  /** As in a request: the end of one extends the session. */
  async #read(key: string): Promise<Yield> {
    const { sessions } = this.#options;
    const request = {};
    const facts = { cookieHeader: key, isSecure: () => true, host: () => "shop.example" };
    const scope = sessions.scope(request, facts);
    const session = await this.#call("from", () => sessions.from(request));
    if (session.isNew) throw new AbsentError();
    const saw = sightOf(session.data);
    await this.#call("finish", async () => scope.finish({ status: 200, headersSent: false }));
    return { saw };
  }

  async #change(id: string, { kind, key, user = "" }: Subject): Promise<Yield> {
    const { sessions, random, name } = this.#options;
    const session = await this.#call("open", () => sessions.open(key));
    if (session.isNew) throw new AbsentError();
    // Others get at the session in between, as during a request.
    if (random.next() < 0.5) await pause(random.integer(0, 15));
    const { data } = session;
    if (kind === "set") data[`own:${name}`] = id;
    if (kind === "append") (data.log ??= {})[id] = 1;
    if (kind === "set" || kind === "append") return this.#ends("save", () => session.save());
    if (kind === "update") return this.#ends(kind, () => session.update((newest) => count(newest, id)));
    if (kind === "logout") return this.#ends(kind, () => session.logout());
    await this.#act(kind, () => (kind === "login" ? session.login(user) : session.cycleKey()));
    return { newKey: session.cookieHeader, saw: sightOf(data) };
  }

  async #ends(name: string, act: () => Promise<void>): Promise<Yield> {
    await this.#act(name, act);
    return {};
  }

  #act<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
    this.#actAt = monotonic();
    return this.#call(name, act);
  }

  async #call<Result>(name: string, call: () => Promise<Result>): Promise<Result> {
    const start = monotonic();
    try {
      return await call();
    } finally {
      this.#calls.push({ name, start, end: monotonic() });
    }
  }

  async #operation(subject: Subject, perform: (id: string) => Promise<Yield>): Promise<Operation> {
    const { process, name: lane, record } = this.#options;
    const turn = this.#turn++;
    const id = `${lane}.${turn}`;
    this.#calls = [];
    this.#actAt = undefined;
    const start = monotonic();
    const result = await perform(id).then(
      (yielded) => ({ ...yielded, ending: "ok" as const }),
      (error: unknown) => this.#failed(error),
    );
    const times = { start, actAt: this.#actAt ?? start, end: monotonic() };
    const operation = { id, process, lane, turn, ...subject, ...times, ...result, calls: this.#calls };
    record(operation);
    // A refused connection fails at once: without a rest, one refusal would use up all operations.
    if (operation.ending !== "ok") await pause(10);
    return operation;
  }

  #failed(error: unknown): { ending: Ending; error?: string } {
    if (error instanceof AbsentError) return { ending: "absent" };
    const isStoreError = error instanceof StoreConnectionError;
    if (isStoreError && this.#actAt === undefined) return { ending: "unread" };
    if (isStoreError) return { ending: error.outcome };
    if (error instanceof SessionInterrupted) return { ending: "interrupted" };
    if (error instanceof SessionConflictError) return { ending: "conflict" };
    return { ending: "other", error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

class AbsentError extends Error {}

function count(data: VisitorData, id: string): void {
  data.n = (data.n ?? 0) + 1;
  (data.ids ??= {})[id] = 1;
}
