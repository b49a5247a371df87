import type { Kysely, QueryResult, RawBuilder, Sql } from "kysely";

import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { type Outcome, StoreConnectionError } from "../../core/errors.ts";
import { leaveToCaller } from "../../core/optional-packages.ts";
import { pause, settleWithin } from "../../core/timers.ts";
import type { SqlDialect } from "./dialect.ts";
import { type PoolCall, runCall } from "./pools/current-call.ts";
import { isNewsOfConnection, isTakenBack, toStoreError } from "./store-errors.ts";

/** A Kysely of any application, whatever its tables. */
export type AnyKysely = Kysely<unknown>;

/** Builds a statement with the tag of the application's own Kysely. */
export type Build<Row = unknown> = (sql: Sql) => RawBuilder<Row>;

/** Runs a statement of a transaction. */
export type Run = <Row>(build: Build<Row>) => Promise<QueryResult<Row>>;

/** Thrown by the work of a transaction in order to roll it back: the caller gets this error. */
export class RolledBack extends Error {}

type Act<Result> = (connection: AnyKysely) => Promise<Result>;

/** Whether a statement can change anything. */
export type Effect = "reads" | "writes";

/** Maximum pause before a statement that the database has ended because of others is sent again. */
const MAX_BACKOFF: Milliseconds = 200;

/** Progress of one call. */
interface Call extends PoolCall {
  isSent: boolean;
  isAbandoned: boolean;
}

/**
 * Runs statements on a Kysely of the application, on connections of its pool, within deadlines.
 *
 * Kysely cannot take a statement back. A statement that still waits for a connection when its
 * deadline passes is never sent; a sent one continues, and its answer is dropped. A pool of
 * `discardStalled` gives its connection up.
 */
export class SqlDatabase {
  readonly dialect: SqlDialect;
  readonly #database: AnyKysely;
  readonly #missingTable: string | undefined;

  /** @param missingTable Advice for a missing table, in messages. */
  constructor(database: AnyKysely, dialect: SqlDialect, missingTable?: string) {
    // Plugins rename columns and change values: the table is Django's.
    this.#database = database.withoutPlugins();
    this.dialect = dialect;
    this.#missingTable = missingTable;
  }

  /**
   * Runs one statement.
   *
   * @throws {StoreConnectionError} If there is no connection, or no answer before the deadline.
   * @throws {StoreServiceError} If the database answers with an error.
   */
  async run<Row>(
    build: Build<Row>,
    deadline: Deadline,
    effect: Effect = "writes",
  ): Promise<QueryResult<Row>> {
    const { sql } = await import("kysely").catch(leaveToCaller);
    return this.#tryRepeatedly((connection) => build(sql).execute(connection), deadline, effect);
  }

  /**
   * Runs several statements, all or none. Locks decide the order, so it needs no stricter isolation
   * than "read committed". It may run again from the start.
   *
   * @throws The same errors as {@link run}.
   */
  async transact<Result>(work: (run: Run) => Promise<Result>, deadline: Deadline): Promise<Result> {
    const { sql } = await import("kysely").catch(leaveToCaller);
    const act = (connection: AnyKysely): Promise<Result> =>
      connection
        .transaction()
        .setIsolationLevel("read committed")
        .execute((transaction) => work((build) => build(sql).execute(transaction)));
    return this.#tryRepeatedly(act, deadline, "writes");
  }

  /**
   * Repeats a statement that others have prevented (a deadlock, a serialization failure) until the
   * deadline, with longer and longer pauses of random length. One that its connection has prevented
   * is repeated once, on another connection.
   */
  async #tryRepeatedly<Result>(act: Act<Result>, deadline: Deadline, effect: Effect): Promise<Result> {
    let hasMoved = false;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#attempt(act, deadline, effect);
      } catch (error) {
        if (deadline.hasPassed) throw error;
        if (isTakenBack(error)) await this.#backOff(attempt, deadline, error);
        else if (hasMoved || !isNewsOfConnection(error)) throw error;
        else hasMoved = true;
      }
    }
  }

  /** @throws The error, if the pause would end after the deadline. */
  async #backOff(attempt: number, deadline: Deadline, error: unknown): Promise<void> {
    const span = Math.min(2 ** attempt, MAX_BACKOFF) * (0.5 + Math.random() / 2);
    if (span >= deadline.remaining) throw error;
    await pause(span);
  }

  async #attempt<Result>(act: Act<Result>, deadline: Deadline, effect: Effect): Promise<Result> {
    if (deadline.hasPassed) throw tooLate(deadline, "not-sent");
    const call: Call = { deadline, isWatched: false, isSent: false, isAbandoned: false };
    try {
      const sent = runCall(call, () => this.#send(act, call));
      const answer = await settleWithin<Result, typeof OVER>(sent, deadline.remaining, (resolve) =>
        resolve(OVER),
      );
      if (answer !== OVER) return answer;
    } catch (error) {
      if (error instanceof RolledBack) throw error;
      const failure = { isSent: call.isSent, effect, dialect: this.dialect };
      throw toStoreError(error, { ...failure, missingTable: this.#missingTable });
    }
    call.isAbandoned = true;
    if (!call.isSent) throw tooLate(deadline, "not-sent");
    const advice = call.isWatched || this.dialect === "sqlite" ? "" : WATCH;
    throw tooLate(deadline, effect === "writes" ? "unknown" : "not-sent", advice);
  }

  #send<Result>(act: Act<Result>, call: Call): Promise<Result> {
    return this.#database.connection().execute(async (connection) => {
      if (call.isAbandoned) throw new Error("The deadline passed before there was a connection.");
      call.isSent = true;
      return act(connection);
    });
  }
}

const WATCH = " Its connection keeps its place in the pool: give the dialect discardStalled(pool).";

function tooLate({ total }: Deadline, outcome: Outcome, more = ""): StoreConnectionError {
  const advice = `Check the load of the database and the size of its pool, or allow more time.${more}`;
  return new StoreConnectionError(
    `The database did not answer within the deadline of ${total} ms. ${advice}`,
    {
      outcome,
    },
  );
}

const OVER = Symbol("over");

/** Checks the used part: the application's package may be another copy of Kysely. */
export function isKysely(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { withoutPlugins, connection, isTransaction } = value as Partial<AnyKysely>;
  return typeof withoutPlugins === "function" && typeof connection === "function" && isTransaction !== true;
}
