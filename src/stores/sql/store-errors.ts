import { type Outcome, StoreConnectionError, StoreServiceError } from "../../core/errors.ts";
import type { SqlDialect } from "./dialect.ts";

/** How far a statement had come when it failed. */
export interface Failure {
  readonly isSent: boolean;
  readonly effect: "reads" | "writes";
  readonly dialect: SqlDialect;
}

/** What drivers put on their errors: `pg` an SQLSTATE in `code`, `mysql2` one in `sqlState`. */
interface DriverError {
  readonly message: string;
  readonly code: string | undefined;
  readonly errno: number | undefined;
  readonly sqlState: string | undefined;
}

/** The database has taken a statement back because of others: it may be tried again at once. */
const TAKEN_BACK = new Set(["40001", "40P01"]);
/** The connection is being ended: class 08, a shutdown or a crash of PostgreSQL, a KILL of MariaDB. */
const ENDED_STATE = /^(?:08|57P0[1-3]|70100)/;
/** ER_SERVER_SHUTDOWN, ER_CONNECTION_KILLED of MySQL and MariaDB. */
const ENDED_ERRNOS: ReadonlySet<number | undefined> = new Set([1053, 1927]);
/** "Statement completion unknown" of the SQL standard. */
const UNKNOWN_COMPLETION = "40003";

/** Says for an error of a driver what it means for who asked. */
export function toStoreError(error: unknown, failure: Failure): StoreConnectionError | StoreServiceError {
  if (!failure.isSent) return noConnection(error);
  const details = readDetails(error);
  const cause = withoutStatement(details, failure.dialect);
  const unknown: Outcome = failure.effect === "reads" ? "not-sent" : "unknown";
  if (failure.dialect === "sqlite") return answered(details, cause, isBusy(details) ? "not-sent" : unknown);
  if (isEnded(details)) return lostConnection(details, cause, unknown);
  return answered(details, cause, details.sqlState === UNKNOWN_COMPLETION ? unknown : "not-sent");
}

/** Tells whether the database did nothing and asks to be asked again. */
export function isRetryable(error: unknown): boolean {
  const state = error instanceof StoreServiceError ? (error.cause as Partial<DriverError>).sqlState : undefined;
  return state !== undefined && TAKEN_BACK.has(state);
}

function readDetails(error: unknown): DriverError {
  const { message, code, errno, sqlState } = (error ?? {}) as Record<string, unknown>;
  const text = typeof code === "string" ? code : undefined;
  return {
    message: typeof message === "string" ? message : "",
    code: text,
    errno: typeof errno === "number" ? errno : undefined,
    sqlState: typeof sqlState === "string" && sqlState !== "" ? sqlState : sqlStateOf(text),
  };
}

/** Five characters; the codes of Node and of mysql2 are longer or have another first one. */
function sqlStateOf(code: string | undefined): string | undefined {
  return code !== undefined && /^(?!E[A-Z]{4}$)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

function isEnded({ sqlState, errno }: DriverError): boolean {
  return sqlState === undefined || ENDED_STATE.test(sqlState) || ENDED_ERRNOS.has(errno);
}

function isBusy({ code, message }: DriverError): boolean {
  return code === "SQLITE_BUSY" || code === "SQLITE_LOCKED" || message.startsWith("database is locked");
}

function noConnection(cause: unknown): StoreConnectionError {
  const { code } = readDetails(cause);
  const advice = "Check that the server runs, and the host, user and password that the Kysely was made with.";
  return new StoreConnectionError(`There is no connection to the database${inBrackets(code)}. ${advice}`, {
    outcome: "not-sent",
    cause,
  });
}

function lostConnection({ code }: DriverError, cause: Error, outcome: Outcome): StoreConnectionError {
  const message = `The connection to the database was lost before it had answered${inBrackets(code)}.`;
  return new StoreConnectionError(message, { outcome, cause });
}

function answered(details: DriverError, cause: Error, outcome: Outcome): StoreServiceError {
  const code = inBrackets(details.sqlState ?? details.code);
  const message = `The database answered with an error${code}: ${cause.message.replace(/\.$/, "")}.${adviceFor(details)}`;
  return new StoreServiceError(message, { outcome, cause });
}

function adviceFor({ sqlState, message }: DriverError): string {
  const hasNoTable = sqlState === "42P01" || sqlState === "42S02" || message.includes("no such table");
  if (!hasNoTable) return "";
  return message.includes("sojourn_user")
    ? " Call createUserTables(database)."
    : " Let Django migrate, or call createSessionTable(database).";
}

function inBrackets(code: string | undefined): string {
  return code === undefined ? "" : ` (${code})`;
}

const WITHHELD = "its message is not shown, since it may quote the record";

/** What a driver's error says, without the statement and its values, which mysql2 and others put on it. */
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
