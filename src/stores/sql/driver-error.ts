/**
 * Error of a driver: `pg` has an SQLSTATE in `code`, `mysql2` one in `sqlState` and the server's
 * number in `errno`.
 */
export interface DriverError {
  readonly message: string;
  readonly code: string | undefined;
  readonly errno: number | undefined;
  readonly sqlState: string | undefined;
}

/** "read_only_sql_transaction": a standby, in PostgreSQL and, for a transaction, in MySQL. */
const READ_ONLY_STATE = "25006";
/**
 * ER_OPTION_PREVENTS_STATEMENT (`--read-only`), ER_READ_ONLY_MODE, and the error of a Galera node
 * that has left its cluster (ER_UNKNOWN_COM_ERROR, "WSREP has not yet prepared node for application
 * use").
 */
const WRONG_SERVER_ERRNOS: ReadonlySet<number | undefined> = new Set([1290, 1836, 1047]);

export function readDriverError(error: unknown): DriverError {
  const { message, code, errno, sqlState } = (error ?? {}) as Record<string, unknown>;
  const text = typeof code === "string" ? code : undefined;
  return {
    message: typeof message === "string" ? message : "",
    code: text,
    errno: typeof errno === "number" ? errno : undefined,
    sqlState: typeof sqlState === "string" && sqlState !== "" ? sqlState : sqlStateOf(text),
  };
}

/** Returns whether the server did nothing, since it is not the one that writes. */
export function isWrongServer(error: unknown): boolean {
  const { sqlState, errno } = readDriverError(error);
  return sqlState === READ_ONLY_STATE || WRONG_SERVER_ERRNOS.has(errno);
}

/** An SQLSTATE has five characters; codes of Node and mysql2 are longer or begin otherwise. */
function sqlStateOf(code: string | undefined): string | undefined {
  return code !== undefined && /^(?!E[A-Z]{4}$)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
