import { describe, expect, test } from "vitest";

import { type Failure, isNewsOfConnection, isTakenBack, toStoreError } from "./store-errors.ts";

const SENT: Failure = { isSent: true, effect: "writes", dialect: "postgres" };
const errorWith = (properties: object, message = "it says"): Error =>
  Object.assign(new Error(message), properties);

describe("toStoreError", () => {
  test.each([
    ["no SQLSTATE at all", {}],
    ["a code of the system", { code: "ECONNRESET" }],
    ["a code of five letters of the system", { code: "EPIPE" }],
    ["an empty SQLSTATE", { code: "PROTOCOL_CONNECTION_LOST", sqlState: "" }],
    ["SQLSTATE class 08", { code: "08006" }],
    ["a shutdown of PostgreSQL", { code: "57P01" }],
    ["a shutdown of MariaDB", { code: "ER_SERVER_SHUTDOWN", errno: 1053, sqlState: "08S01" }],
    ["a KILL of MariaDB", { code: "ER_CONNECTION_KILLED", errno: 1927, sqlState: "70100" }],
  ])("%s: the connection was lost, and the outcome of a write is unknown", (_, properties) => {
    const error = toStoreError(errorWith(properties), SENT);
    expect(error).toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "unknown" });
    expect(toStoreError(errorWith(properties), { ...SENT, effect: "reads" }).outcome).toBe("not-sent");
  });

  test.each([
    [{ code: "42P01" }, "not-sent"],
    [{ code: "57014" }, "not-sent"],
    [{ code: "40003" }, "unknown"],
    [{ code: "ER_LOCK_WAIT_TIMEOUT", errno: 1205, sqlState: "HY000" }, "not-sent"],
    [{ code: "ER_STATEMENT_TIMEOUT", errno: 1969, sqlState: "70100" }, "not-sent"],
    [{ code: "ER_QUERY_INTERRUPTED", errno: 1317, sqlState: "70100" }, "not-sent"],
    [{ code: "25006" }, "not-sent"],
    [{ code: "ER_OPTION_PREVENTS_STATEMENT", errno: 1290, sqlState: "HY000" }, "not-sent"],
    [{ code: "ER_UNKNOWN_COM_ERROR", errno: 1047, sqlState: "08S01" }, "not-sent"],
  ])("the answer %o of a server was an error, with the outcome %s", (properties, outcome) => {
    expect(toStoreError(errorWith(properties), SENT)).toMatchObject({ code: "ERR_STORE_SERVICE", outcome });
  });

  test.each([
    [{ code: "ER_LOCK_WAIT_TIMEOUT", errno: 1205, sqlState: "HY000" }, "(HY000, 1205)"],
    [
      { code: "ER_STATEMENT_TIMEOUT", errno: 1969, sqlState: "70100" },
      "another transaction may hold the row",
    ],
    [{ code: "57014" }, "(57014)"],
    [
      { code: "ER_OPTION_PREVENTS_STATEMENT", errno: 1290, sqlState: "HY000" },
      "The server does not write: it is a standby",
    ],
    [{ code: "ER_SERVER_SHUTDOWN", errno: 1053, sqlState: "08S01" }, "(ER_SERVER_SHUTDOWN, 1053)"],
    [{ code: "ECONNRESET", errno: -104 }, "(ECONNRESET)"],
  ])("of %o the message says %s", (properties, expected) => {
    expect(toStoreError(errorWith(properties), { ...SENT, dialect: "mysql" }).message).toContain(expected);
  });

  test("no message about an unsent statement says that it may have been executed", () => {
    for (const isSent of [true, false])
      for (const properties of [{}, { code: "25006" }, { code: "ECONNRESET" }, { code: "57014" }]) {
        const error = toStoreError(errorWith(properties), { ...SENT, isSent, effect: "reads" });
        expect(error.outcome).toBe("not-sent");
        expect(error.message).not.toMatch(/may (?:or may not )?have been/);
      }
  });

  test("an error of SQLite is an answer; a busy database means that nothing was done", () => {
    const onSqlite: Failure = { ...SENT, dialect: "sqlite" };
    const busy = toStoreError(errorWith({ code: "SQLITE_BUSY" }), onSqlite);
    expect(busy).toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
    expect(toStoreError(errorWith({}, "database is locked"), onSqlite).outcome).toBe("not-sent");
    expect(toStoreError(errorWith({}, "disk I/O error"), onSqlite).outcome).toBe("unknown");
  });

  test("a failure before anything was sent keeps the driver's error as its cause", () => {
    const cause = errorWith({ code: "ECONNREFUSED" });
    const error = toStoreError(cause, { ...SENT, isSent: false });
    expect(error).toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "not-sent", cause });
    expect(error.message).toContain("(ECONNREFUSED)");
  });

  test.each([
    ["another class of errors", { code: "22001" }],
    ["a trigger's own", { code: "ER_SIGNAL_EXCEPTION", errno: 1644, sqlState: "45000" }],
    [
      "a syntax error of MySQL, which quotes the statement",
      { code: "ER_PARSE_ERROR", errno: 1064, sqlState: "42000" },
    ],
    ["no code at all", {}],
  ])("the driver's message is withheld for %s", (_, properties) => {
    const error = toStoreError(errorWith(properties, "about the record"), SENT);
    expect(`${error.message} ${String(error.cause)}`).not.toContain("about the record");
  });

  test("the cause has the codes of the driver's error and nothing else of it", () => {
    const driverError = errorWith({
      code: "ER_NO",
      errno: 1146,
      sqlState: "42S02",
      sql: "INSERT",
      parameters: ["x"],
    });
    const cause = toStoreError(driverError, { ...SENT, dialect: "mysql" }).cause;
    expect({ ...(cause as object) }).toEqual({ code: "ER_NO", errno: 1146, sqlState: "42S02" });
  });
});

describe("isNewsOfConnection", () => {
  test.each([
    { code: "25006" },
    { errno: 1290, sqlState: "HY000" },
    { errno: 1836, sqlState: "HY000" },
    { errno: 1047, sqlState: "08S01" },
  ])("is the answer of a server that does not write: %o", (properties) => {
    expect(isNewsOfConnection(toStoreError(errorWith(properties), SENT))).toBe(true);
  });

  test("is a connection that was lost during a read, and not during a write, whose outcome is unknown", () => {
    const lost = errorWith({ code: "ECONNRESET" });
    expect(isNewsOfConnection(toStoreError(lost, { ...SENT, effect: "reads" }))).toBe(true);
    expect(isNewsOfConnection(toStoreError(lost, SENT))).toBe(false);
    expect(isNewsOfConnection(toStoreError(lost, { ...SENT, isSent: false }))).toBe(false);
    expect(isNewsOfConnection(new Error("any"))).toBe(false);
  });
});

describe("isTakenBack", () => {
  test.each(["40001", "40P01"])("includes what was rolled back because of others: %s", (code) => {
    expect(isTakenBack(toStoreError(errorWith({ code }), SENT))).toBe(true);
  });

  test("includes 1020 of MariaDB, and a file of SQLite that another process writes to", () => {
    const changed = errorWith({ code: "ER_CHECKREAD", errno: 1020, sqlState: "HY000" });
    expect(isTakenBack(toStoreError(changed, { ...SENT, dialect: "mysql" }))).toBe(true);
    const onSqlite: Failure = { ...SENT, dialect: "sqlite" };
    for (const busy of [{ code: "SQLITE_BUSY" }, { code: "SQLITE_BUSY_SNAPSHOT" }, { code: "SQLITE_LOCKED" }])
      expect(isTakenBack(toStoreError(errorWith(busy), onSqlite))).toBe(true);
    expect(isTakenBack(toStoreError(errorWith({}, "database is locked"), onSqlite))).toBe(true);
    expect(isTakenBack(toStoreError(errorWith({}, "disk I/O error"), onSqlite))).toBe(false);
    expect(
      isTakenBack(toStoreError(errorWith({}, "database is locked"), { ...SENT, dialect: "mysql" })),
    ).toBe(false);
  });

  test.each(["40003", "42P01", "57P01", undefined])("includes nothing else: %s", (code) => {
    expect(isTakenBack(toStoreError(errorWith({ code }), SENT))).toBe(false);
    expect(isTakenBack(new Error("any"))).toBe(false);
  });
});
