import { type Outcome, StoreConnectionError, StoreServiceError } from "../../core/errors.ts";
import type { SqlDialect } from "./dialect.ts";
import { type DriverError, isWrongServer, readDriverError } from "./driver-error.ts";

/** Progress of a statement when it failed. */
export interface Failure {
  readonly isSent: boolean;
  readonly effect: "reads" | "writes";
  readonly dialect: SqlDialect;
  /** Advice for a missing table. @defaultValue the advice for that of sessions */
  readonly missingTable?: string | undefined;
}

const MISSING_SESSIONS = "Let Django migrate, or call createSessionTable(database).";

/**
 * The database has rolled a statement back because of others: it may be tried again at once. 1020
 * is MariaDB's code with `innodb_snapshot_isolation`.
 */
const TAKEN_BACK: ReadonlySet<unknown> = new Set(["40001", "40P01", 1020]);
/** The connection is being ended: class 08, a shutdown or a crash of PostgreSQL. */
const ENDED_STATE = /^(?:08|57P0[1-3])/;
/** ER_SERVER_SHUTDOWN, ER_CONNECTION_KILLED of MySQL and MariaDB. */
const ENDED_ERRNOS: ReadonlySet<number | undefined> = new Set([1053, 1927]);
/** "Statement completion unknown" of the SQL standard. */
const UNKNOWN_COMPLETION = "40003";

/** Converts an error of a driver to one of the store. */
export function toStoreError(error: unknown, failure: Failure): StoreConnectionError | StoreServiceError {
  if (!failure.isSent) return noConnection(error);
  const details = readDriverError(error);
  const cause = withoutStatement(details, failure.dialect);
  const unknown: Outcome = failure.effect === "reads" ? "not-sent" : "unknown";
  const missing = failure.missingTable ?? MISSING_SESSIONS;
  if (failure.dialect === "sqlite")
    return answered(details, cause, isBusy(details) ? "not-sent" : unknown, missing);
  if (isEnded(details)) return lostConnection(details, cause, unknown);
  return answered(details, cause, details.sqlState === UNKNOWN_COMPLETION ? unknown : "not-sent", missing);
}

/** Returns whether the database did nothing because of others, and asks for a retry. */
export function isTakenBack(error: unknown): boolean {
  if (!(error instanceof StoreServiceError) || error.outcome !== "not-sent") return false;
  const { sqlState, errno, code, message } = error.cause as DriverError;
  return TAKEN_BACK.has(sqlState) || TAKEN_BACK.has(errno) || isBusy({ code, message });
}

/** Returns whether the database has ended a statement that exceeded its time limit. */
export function tookTooLong(error: unknown): boolean {
  return error instanceof StoreServiceError && isTooLong(error.cause as Partial<DriverError>);
}

/** Returns whether nothing was done because of the connection: another one may succeed. */
export function isNewsOfConnection(error: unknown): boolean {
  if (error instanceof StoreServiceError) return isWrongServer(error.cause);
  if (!(error instanceof StoreConnectionError)) return false;
  return error.outcome === "not-sent" && error.cause instanceof LostConnection;
}

function isEnded(details: DriverError): boolean {
  const { sqlState, errno } = details;
  if (isWrongServer(details)) return false;
  return sqlState === undefined || ENDED_STATE.test(sqlState) || ENDED_ERRNOS.has(errno);
}

/**
 * Another process is writing to SQLite. Drivers give its extended codes, such as
 * `SQLITE_BUSY_SNAPSHOT`, or only its message.
 */
function isBusy({ code, message }: Pick<DriverError, "code" | "message">): boolean {
  return /^SQLITE_(?:BUSY|LOCKED)/.test(code ?? "") || message.startsWith("database is locked");
}

function noConnection(cause: unknown): StoreConnectionError {
  const { code, errno } = readDriverError(cause);
  const advice = "Check that the server runs, and the host, user and password that the Kysely was made with.";
  return new StoreConnectionError(
    `There is no connection to the database${inBrackets(code, errno)}. ${advice}`,
    {
      outcome: "not-sent",
      cause,
    },
  );
}

function lostConnection({ code, errno }: DriverError, cause: Error, outcome: Outcome): StoreConnectionError {
  const message = `The connection to the database was lost before it had answered${inBrackets(code, errno)}.`;
  return new StoreConnectionError(message, {
    outcome,
    cause: Object.assign(new LostConnection(cause.message), cause),
  });
}

class LostConnection extends Error {}

function answered(
  details: DriverError,
  cause: Error,
  outcome: Outcome,
  missingTable: string,
): StoreServiceError {
  const code = inBrackets(details.sqlState ?? details.code, details.errno);
  const message = `The database answered with an error${code}: ${cause.message.replace(/\.$/, "")}.${adviceFor(details, missingTable)}`;
  return new StoreServiceError(message, { outcome, cause });
}

/**
 * Lock waits and time limits of statements: 55P03, 57014; ER_LOCK_WAIT_TIMEOUT, and errors of
 * statements that exceeded their time.
 */
const TOOK_TOO_LONG: ReadonlySet<unknown> = new Set(["55P03", "57014", 1205, 1969, 3024]);

function isTooLong({ sqlState, errno }: Partial<DriverError>): boolean {
  return TOOK_TOO_LONG.has(sqlState) || TOOK_TOO_LONG.has(errno);
}

const TABLE_MISSING: ReadonlySet<unknown> = new Set(["42P01", "42S02"]);

function adviceFor(details: DriverError, missingTable: string): string {
  const { sqlState, message } = details;
  if (isWrongServer(details))
    return " The server does not write: it is a standby, or was one. Check where the address leads.";
  if (isTooLong(details))
    return " It took longer than the database allows; another transaction may hold the row.";
  if (!TABLE_MISSING.has(sqlState) && !message.includes("no such table")) return "";
  return message.includes("sojourn_user") ? " Call createUserTables(database)." : ` ${missingTable}`;
}

/**
 * ` (HY000, 1205)`: the known ones. Node's own errors have a negative number, which adds nothing.
 */
function inBrackets(code: string | undefined, errno: number | undefined): string {
  const known = [code, errno !== undefined && errno > 0 ? String(errno) : undefined].filter(
    (each) => each !== undefined,
  );
  return known.length === 0 ? "" : ` (${known.join(", ")})`;
}

const WITHHELD = "its message is not shown, since it may quote the record";

/** Copies a driver's error without the statement and its values, which drivers attach to it. */
function withoutStatement(details: DriverError, dialect: SqlDialect): Error {
  const { code, errno, sqlState } = details;
  const cause = new Error(quotesNoValue(details, dialect) ? details.message : WITHHELD);
  return Object.assign(cause, { code, errno, sqlState });
}

/** ER_PARSE_ERROR, which quotes the statement; mysql2 writes values into it. */
const PARSE_ERROR = 1064;
/** Names, rights, resources, locks: their messages speak of tables and columns only. */
const SPEAKS_OF_NO_VALUE = /^(?:08|25|28|3D|3F|40|42|53|54|55|57|58)/;

function quotesNoValue({ sqlState, code, errno }: DriverError, dialect: SqlDialect): boolean {
  if (dialect === "sqlite") return true;
  if (sqlState === undefined) return code !== undefined;
  return SPEAKS_OF_NO_VALUE.test(sqlState) && errno !== PARSE_ERROR;
}
