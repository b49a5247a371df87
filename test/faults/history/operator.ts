import {
  SessionConflictError,
  SessionInterrupted,
  type Session,
  type Sessions,
  StoreConnectionError,
} from "sojourn";
import type { Call, Ending, Operation } from "./history.ts";
import { monotonic } from "./pause-watch.ts";
import { sightOf, type VisitorData } from "./visitor-data.ts";

/** How long a session that is to expire soon still lives, at most, in milliseconds. */
export const MAX_REST = 50;

const DAY = 86_400_000;

export interface OperatorOptions {
  readonly sessions: Sessions<VisitorData>;
  readonly process: number;
  readonly lane: string;
  readonly record: (operation: Operation) => void;
  /**
   * Waits between the opening of a session and what is done to it, so that others get at it, as during a
   * request.
   */
  readonly hesitate?: () => Promise<unknown>;
  /** The time of day, in milliseconds. @defaultValue that of the process */
  readonly now?: () => number;
  /** Drops the cache's copy of the session of a cookie. */
  readonly evict?: (key: string) => Promise<unknown>;
}

/** An operation, and its session. */
export type Subject = Pick<Operation, "kind" | "key" | "user" | "visitor" | "isLate">;
export type Yield = Partial<
  Pick<
    Operation,
    | "saw"
    | "newKey"
    | "ending"
    | "error"
    | "foundKey"
    | "isStranger"
    | "isJoined"
    | "isUnconfirmed"
    | "setCookie"
    | "headAt"
  >
>;

/** Does one operation after another, and records how each went. */
export class Operator {
  protected readonly options: OperatorOptions;
  #turn = 0;
  #calls: Call[] = [];
  #actAt: number | undefined;

  constructor(options: OperatorOptions) {
    this.options = options;
  }

  /** How many operations it has done. */
  get turns(): number {
    return this.#turn;
  }

  async perform(subject: Subject): Promise<Operation> {
    const { process, lane, record } = this.options;
    const turn = this.#turn++;
    const id = `${lane}.${turn}`;
    this.#calls = [];
    this.#actAt = undefined;
    const start = monotonic();
    const result = await this.#do(id, subject).then(
      (yielded) => ({ ending: "ok" as const, ...yielded }),
      (error: unknown) => this.failed(error),
    );
    const times = { start, actAt: this.#actAt ?? start, end: monotonic() };
    const operation = { id, process, lane, turn, ...subject, ...times, ...result, calls: this.#calls };
    record(operation);
    return operation;
  }

  async #do(id: string, { kind, key = "", user = "" }: Subject): Promise<Yield> {
    const { sessions, evict } = this.options;
    switch (kind) {
      case "create": {
        const session = await this.act(kind, () => sessions.create({ lineage: id }));
        return { newKey: session.cookieHeader };
      }
      case "revokeUser":
        return this.ends(kind, () => sessions.revokeUser(user));
      case "sweep":
        return this.ends(kind, () => sessions.clearExpired());
      case "evict":
        return this.ends(kind, async () => evict?.(key));
      default:
        return this.visit(id, { kind, key, user });
    }
  }

  /** Operations that need a session. */
  protected visit(id: string, subject: Subject): Promise<Yield> {
    return subject.kind === "read" ? this.#read(subject.key ?? "") : this.#change(id, subject);
  }

  /** As in a request: the end of one extends the session. */
  async #read(key: string): Promise<Yield> {
    const { sessions } = this.options;
    const request = {};
    const facts = { cookieHeader: key, isSecure: () => true, host: () => "shop.example" };
    const scope = sessions.scope(request, facts);
    const session = await this.call("from", () => sessions.from(request));
    if (session.isNew) throw new AbsentError();
    const saw = sightOf(session.data);
    await this.call("finish", async () => scope.finish({ status: 200, headersSent: false }));
    return { saw };
  }

  async #change(id: string, { kind, key, user = "" }: Subject): Promise<Yield> {
    const { sessions, hesitate } = this.options;
    const session = await this.call("open", () => sessions.open(key));
    if (session.isNew) throw new AbsentError();
    await hesitate?.();
    if (kind === "update") return this.ends(kind, () => session.update((newest) => count(newest, id)));
    if (kind === "logout") return this.ends(kind, () => session.logout());
    if (kind === "revoke") return this.revoke(session);
    if (kind === "cycleKey") {
      await this.act(kind, () => session.cycleKey());
      return { newKey: session.cookieHeader, saw: sightOf(session.data) };
    }
    if (kind === "login") {
      const isJoined = await this.#login(session, user);
      return { newKey: session.cookieHeader, saw: sightOf(session.data), isJoined };
    }
    this.write(id, kind, session);
    return this.ends("save", () => session.save());
  }

  /** @returns Whether it has joined another login, which tells by no event. */
  async #login(session: Session<VisitorData>, user: string): Promise<boolean> {
    const made = new Set<string>();
    const stopListening = this.options.sessions.on("login", ({ session: name }) => made.add(name));
    try {
      await this.act("login", () => session.login(user));
      return !made.has(session.eventName ?? "");
    } finally {
      stopListening();
    }
  }

  protected write(id: string, kind: Operation["kind"], session: Session<VisitorData>): void {
    const { data } = session;
    const now = this.options.now?.() ?? Date.now();
    if (kind === "set") data[`own:${this.options.lane}`] = id;
    else if (kind === "append") (data.log ??= {})[id] = 1;
    else if (kind === "expire") session.setExpiry(new Date(now + 1 + ((this.#turn * 7) % MAX_REST)));
    // Never what is there already, which would not be written. Later than the end of a soak, whose days are
    // short.
    else if (kind === "renew") session.setExpiry(new Date(now + (30 + Math.random()) * DAY));
  }

  protected async revoke({ userId, ref }: Session<VisitorData>): Promise<Yield> {
    if (userId === undefined || ref === undefined) return { ending: "skipped" };
    const isEnded = await this.act("revoke", () => this.options.sessions.revoke(userId, ref));
    if (!isEnded) throw new AbsentError();
    return {};
  }

  protected async ends(name: string, act: () => Promise<unknown>): Promise<Yield> {
    await this.act(name, act);
    return {};
  }

  protected act<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
    this.#actAt = monotonic();
    return this.call(name, act);
  }

  protected async call<Result>(name: string, call: () => Promise<Result>): Promise<Result> {
    const start = monotonic();
    try {
      return await call();
    } finally {
      this.#calls.push({ name, start, end: monotonic() });
    }
  }

  protected failed(error: unknown): { ending: Ending; error?: string } {
    if (error instanceof AbsentError) return { ending: "absent" };
    const isStoreError = error instanceof StoreConnectionError;
    if (isStoreError && this.#actAt === undefined) return { ending: "unread" };
    if (isStoreError) return { ending: error.outcome };
    if (error instanceof SessionInterrupted) return { ending: "interrupted" };
    if (error instanceof SessionConflictError) return { ending: "conflict" };
    return {
      ending: "other",
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
}

export class AbsentError extends Error {}

export function count(data: VisitorData, id: string): void {
  data.n = (data.n ?? 0) + 1;
  (data.ids ??= {})[id] = 1;
}
