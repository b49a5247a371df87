import { describe, expect, it } from "vitest";

import { type Failure, isTakenBack, toStoreError } from "./store-errors.ts";

const SENT: Failure = { isSent: true, effect: "writes", dialect: "postgres" };
const errorWith = (properties: object, message = "it says"): Error => Object.assign(new Error(message), properties);

describe("toStoreError", () => {
  it.each([
    ["no SQLSTATE at all", {}],
    ["a code of the system", { code: "ECONNRESET" }],
    ["a code of five letters of the system", { code: "EPIPE" }],
    ["an empty SQLSTATE", { code: "PROTOCOL_CONNECTION_LOST", sqlState: "" }],
    ["SQLSTATE class 08", { code: "08006" }],
    ["a shutdown of PostgreSQL", { code: "57P01" }],
    ["a shutdown of MariaDB", { code: "ER_SERVER_SHUTDOWN", errno: 1053, sqlState: "08S01" }],
    ["a KILL of MariaDB", { code: "ER_CONNECTION_KILLED", errno: 1927, sqlState: "70100" }],
  ])("%s: the connection was lost, and what came of a write is unknown", (_, properties) => {
    const error = toStoreError(errorWith(properties), SENT);
    expect(error).toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "unknown" });
    expect(toStoreError(errorWith(properties), { ...SENT, effect: "reads" }).outcome).toBe("not-sent");
  });

  it.each([
    [{ code: "42P01" }, "not-sent"],
    [{ code: "57014" }, "not-sent"],
    [{ code: "40003" }, "unknown"],
    [{ code: "ER_LOCK_WAIT_TIMEOUT", errno: 1205, sqlState: "HY000" }, "not-sent"],
  ])("the answer %o of a server was an error, with the outcome %s", (properties, outcome) => {
    expect(toStoreError(errorWith(properties), SENT)).toMatchObject({ code: "ERR_STORE_SERVICE", outcome });
  });

  it("what SQLite says is an answer; that it was busy means that nothing was done", () => {
    const onSqlite: Failure = { ...SENT, dialect: "sqlite" };
    const busy = toStoreError(errorWith({ code: "SQLITE_BUSY" }), onSqlite);
    expect(busy).toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
    expect(toStoreError(errorWith({}, "database is locked"), onSqlite).outcome).toBe("not-sent");
    expect(toStoreError(errorWith({}, "disk I/O error"), onSqlite).outcome).toBe("unknown");
  });

  it("a failure before anything was sent keeps the driver's error as its cause", () => {
    const cause = errorWith({ code: "ECONNREFUSED" });
    const error = toStoreError(cause, { ...SENT, isSent: false });
    expect(error).toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "not-sent", cause });
    expect(error.message).toContain("(ECONNREFUSED)");
  });

  it.each([
    ["another class of errors", { code: "22001" }],
    ["a trigger's own", { code: "ER_SIGNAL_EXCEPTION", errno: 1644, sqlState: "45000" }],
    ["a syntax error of MySQL, which quotes the statement", { code: "ER_PARSE_ERROR", errno: 1064, sqlState: "42000" }],
    ["no code at all", {}],
  ])("the driver's message is withheld for %s", (_, properties) => {
    const error = toStoreError(errorWith(properties, "about the record"), SENT);
    expect(`${error.message} ${String(error.cause)}`).not.toContain("about the record");
  });

  it("the cause has the codes of the driver's error and nothing else of it", () => {
    const driverError = errorWith({ code: "ER_NO", errno: 1146, sqlState: "42S02", sql: "INSERT", parameters: ["x"] });
    const cause = toStoreError(driverError, { ...SENT, dialect: "mysql" }).cause;
    expect({ ...(cause as object) }).toEqual({ code: "ER_NO", errno: 1146, sqlState: "42S02" });
  });
});

describe("isTakenBack", () => {
  it.each(["40001", "40P01"])("is what was taken back because of others: %s", (code) => {
    expect(isTakenBack(toStoreError(errorWith({ code }), SENT))).toBe(true);
  });

  it.each(["40003", "42P01", "57P01", undefined])("is nothing else: %s", (code) => {
    expect(isTakenBack(toStoreError(errorWith({ code }), SENT))).toBe(false);
    expect(isTakenBack(new Error("any"))).toBe(false);
  });
});
