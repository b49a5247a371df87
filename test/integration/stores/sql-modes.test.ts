import { Kysely, MysqlDialect, sql } from "kysely";
import { createPool } from "mysql2";
import { afterEach, describe, expect } from "vitest";

import { createSojourn } from "../../../src/create-sojourn.ts";
import { Deadline } from "../../../src/core/deadlines.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { RecordFormat, SessionStore } from "../../../src/stores/session-store.ts";
import { createSessionTable, createUserTables, sqlSessionStore } from "../../../src/stores/sql/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { mariadbTest } from "../../support/fixtures/mariadb.ts";
import { describeWithMariadb } from "../../support/mariadb-server.ts";
import { Browser, type Data } from "../../support/session-harness.ts";

type Database = Kysely<any>;

const LONG_TTL = 60_000;
const later = () => new Deadline(20_000);

/** Characters that end a literal in one mode or the other, and that a character set may lack. */
const TEXTS = [
  `it's "quoted"`,
  String.raw`\' OR 1=1; DROP TABLE django_session; -- `,
  `' OR 1=1; DROP TABLE django_session; -- `,
  String.raw`a\\b\n\0 % _ ? :x`,
  "line\nbreak\ttab\r\u001A",
  "grüße, 你好, 😀",
  "`;#/*",
];

const MODES = [
  "STRICT_TRANS_TABLES",
  "STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES",
  "NO_BACKSLASH_ESCAPES",
  "",
  "ANSI",
  "TRADITIONAL,ANSI_QUOTES,NO_BACKSLASH_ESCAPES",
];

describeWithMariadb("sql_mode and character sets of MariaDB", () => {
  const test = mariadbTest.extend(
    "connect",
    ({ server }) =>
      async (mode: string, charset?: string): Promise<Database> => {
        const pool = createPool({ ...server.settings, ...(charset === undefined ? {} : { charset }) });
        pool.on("connection", (connection) => connection.query("SET SESSION sql_mode = ?", [mode]));
        const database: Database = new Kysely({ dialect: new MysqlDialect({ pool }) });
        opened.push(database);
        await sql`DROP TABLE IF EXISTS django_session, sojourn_user_session, sojourn_user_epoch`.execute(
          database,
        );
        await createSessionTable(database);
        await createUserTables(database);
        return database;
      },
  );

  let opened: Database[] = [];

  afterEach(async () => {
    await Promise.all(opened.map((database) => database.destroy()));
    opened = [];
  });

  const open = (database: Database, format: RecordFormat): SessionStore => {
    const store = sqlSessionStore({ database, users: true });
    return store({ projectName: "p", redis: new RedisRegistry(), clock: new ManualClock(), format });
  };

  describe.each(MODES)("with sql_mode = '%s'", (mode) => {
    test("records come back as they were, and no text of a visitor is SQL", async ({ connect }) => {
      const database = await connect(mode);
      const store = open(database, "json");
      for (const text of TEXTS) {
        const [key, nonce] = [newSessionKey(), newSessionKey()];
        const record = JSON.stringify({ nonce, text });
        await store.create(key, record, LONG_TTL, later());
        expect(await store.read(key, later())).toBe(record);
        const etag = { start: 0, text: record.slice(0, 30) };
        expect((await store.commit(key, `${record} `, etag, LONG_TTL, later())).status).toBe("committed");
        expect((await store.touch(key, { start: 0, text }, LONG_TTL, later())).status).toBe("conflict");
        await store.tombstones?.replace(`name.${key}`, text, LONG_TTL, later());
        expect(await store.tombstones?.read(`name.${key}`, later())).toBe(text);
      }
      const { rows } = await sql<{ n: number }>`SELECT count(*) AS n FROM django_session`.execute(database);
      expect(Number(rows[0]?.n)).toBe(2 * TEXTS.length);
    });

    test("so do ids of users and sessions in the format json", async ({ connect }) => {
      const database = await connect(mode);
      const store = sqlSessionStore({ database, users: true });
      const sessionSettings = { store, format: "json" as const, deadline: "20s" as const };
      const { sessions } = createSojourn<Data>({
        projectName: "p",
        secretKey: "a secret of the tests, long enough",
        sessions: sessionSettings,
      });
      for (const text of TEXTS) {
        const browser = new Browser(sessions);
        await browser.request(async (session) => {
          session.data["note"] = text;
          await session.login(text);
        });
        expect(await browser.request((session) => [session.userId, session.data["note"]])).toEqual([
          text,
          text,
        ]);
        const listed = [];
        for await (const each of sessions.ofUser(text)) listed.push(each);
        expect(listed).toHaveLength(1);
        expect(await sessions.revokeUser(text)).toBe(1);
      }
    });
  });

  describe.each(["latin1", "utf8mb3"])("a table in %s", (charset) => {
    const convert = (database: Database) =>
      sql
        .raw(`ALTER TABLE django_session MODIFY session_data longtext CHARACTER SET ${charset} NOT NULL`)
        .execute(database);
    const [key, emoji] = [newSessionKey(), JSON.stringify({ text: "😀" })];

    test("without a strict mode is refused for the format json at the first call, with the reason", async ({
      connect,
    }) => {
      const database = await connect("");
      await convert(database);
      const store = open(database, "json");
      for (const start of [
        () => store.read(key, later()),
        () => store.create(key, "{}", LONG_TTL, later()),
      ]) {
        const call = start();
        await expect(call).rejects.toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
        await expect(call).rejects.toThrow(`The column session_data of django_session is ${charset}`);
      }
      await sql`ALTER TABLE django_session MODIFY session_data longtext CHARACTER SET utf8mb4 NOT NULL`.execute(
        database,
      );
      await store.create(key, emoji, LONG_TTL, later());
      expect(await store.read(key, later())).toBe(emoji);
    });

    test("in a strict mode refuses what it lacks, and takes the rest", async ({ connect }) => {
      const database = await connect("STRICT_TRANS_TABLES");
      await convert(database);
      const store = open(database, "json");
      await store.create(key, "{}", LONG_TTL, later());
      const failing = store.commit(key, emoji, { start: 0, text: "{}" }, LONG_TTL, later());
      await expect(failing).rejects.toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
      await expect(failing).rejects.toThrow("1366");
      expect(await store.read(key, later())).toBe("{}");
    });

    test("is good for Django's format, which is ASCII", async ({ connect }) => {
      const database = await connect("");
      await convert(database);
      const store = open(database, "django");
      await store.create(key, "eyJ0ZXh0IjoiXHVkODNkXHVkZTAwIn0:1tJ8Zq:abc", LONG_TTL, later());
      expect(await store.read(key, later())).toContain("eyJ0ZXh0");
    });
  });

  test("a connection that gives text in a smaller character set is refused for the format json", async ({
    connect,
  }) => {
    const store = open(await connect("STRICT_TRANS_TABLES", "latin1"), "json");
    await expect(store.read(newSessionKey(), later())).rejects.toThrow(
      "The connection returns text as latin1",
    );
  });

  test("a table that is not there is said as such", async ({ connect }) => {
    const database = await connect("");
    await sql`DROP TABLE django_session`.execute(database);
    await expect(open(database, "json").read(newSessionKey(), later())).rejects.toThrow(
      "call createSessionTable(database)",
    );
  });

  test("an error names the number of the server: 1205 of a lock that was waited for, and nothing was written", async ({
    connect,
    server,
  }) => {
    const database = await connect("");
    const [store, key] = [open(database, "django"), newSessionKey()];
    await store.create(key, "record", LONG_TTL, later());
    await database.transaction().execute(async (transaction) => {
      await sql`SELECT * FROM django_session FOR UPDATE`.execute(transaction);
      await sql`SET GLOBAL innodb_lock_wait_timeout = 1`.execute(transaction);
      const other = new Kysely<any>({ dialect: new MysqlDialect({ pool: createPool(server.settings) }) });
      const touch = open(other, "django").touch(key, { start: 0, text: "record" }, LONG_TTL, later());
      await expect(touch).rejects.toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
      await expect(touch).rejects.toThrow("(HY000, 1205)");
      await other.destroy();
    });
  });

  test("so does 1969 of max_statement_time, whose connection goes on", async ({ connect, server }) => {
    const database = await connect("");
    const [store, key] = [open(database, "django"), newSessionKey()];
    await store.create(key, "record", LONG_TTL, later());
    const pool = createPool({ ...server.settings, connectionLimit: 1 });
    pool.on("connection", (connection) => connection.query("SET SESSION max_statement_time = 0.3"));
    const bounded: Database = new Kysely({ dialect: new MysqlDialect({ pool }) });
    opened.push(bounded);
    await database.transaction().execute(async (transaction) => {
      await sql`SELECT * FROM django_session FOR UPDATE`.execute(transaction);
      const touch = open(bounded, "django").touch(key, { start: 0, text: "record" }, LONG_TTL, later());
      await expect(touch).rejects.toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
      await expect(touch).rejects.toThrow(/\(70100, 1969\).*longer than the database allows/);
    });
    expect(await open(bounded, "django").read(key, later())).toBe("record");
  });
});
