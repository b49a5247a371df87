import { PGlite } from "@electric-sql/pglite";
import { Kysely, PostgresDialect, sql } from "kysely";
import { PGliteDialect } from "kysely-pglite-dialect";
import { PostgresJSDialect } from "kysely-postgres-js";
import { Pool } from "pg";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect } from "vitest";

import { Deadline } from "../../../src/core/deadlines.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import {
  createSessionTable,
  createUserTables,
  discardStalled,
  sqlSessionStore,
} from "../../../src/stores/sql/index.ts";
import { describeSessionStore, ManualClock } from "../../../src/testing/index.ts";
import { PgBouncer } from "../../support/pgbouncer.ts";
import { postgresTest as test } from "../../support/fixtures/postgres.ts";
import type { PostgresServer } from "../../support/postgres-server.ts";
import { describeWithCommands } from "../../support/server-process.ts";

type Database = Kysely<any>;

const HOUR = 3_600_000;
const later = () => new Deadline(20_000);
const skip = [
  { reason: "a text column of PostgreSQL holds no NUL", tests: ["records with NUL come back as they were"] },
];
const leavingOut = { describe, it: Object.assign(test.bind(undefined), { skip: () => {} }) };

let tables = 0;

async function openFresh(database: Database) {
  const [table, clock] = [`session_${++tables}`, new ManualClock()];
  await createSessionTable(database, { table });
  await createUserTables(database);
  await sql`DELETE FROM sojourn_user_session`.execute(database);
  await sql`DELETE FROM sojourn_user_epoch`.execute(database);
  const store = sqlSessionStore({ database, table, users: true });
  const opened = store({ projectName: "test", redis: new RedisRegistry(), clock });
  return { store: opened, advance: (span: number) => clock.advance(span) };
}

/** Adds 1 to a number in a record, by compare-and-set until it succeeds. */
async function addOne(store: SessionStore, key: string): Promise<void> {
  for (;;) {
    const [count = "", nonce = ""] = (await store.read(key, later()))?.split("|") ?? [];
    const next = `${Number(count) + 1}|${newSessionKey()}`;
    const { status } = await store.commit(key, next, { start: -32, text: nonce }, HOUR, later());
    if (status === "committed") return;
  }
}

function describeDriver(name: string, connect: () => Database): void {
  let database: Database;

  beforeAll(() => {
    database = connect();
  });

  afterAll(async () => {
    await database?.destroy();
  });

  describeSessionStore(leavingOut, name, { hasReadWithTtl: true, open: () => openFresh(database), skip });

  test(`100 concurrent changes by compare-and-set on ${name}: none is lost`, async () => {
    const [{ store }, key] = [await openFresh(database), newSessionKey()];
    await store.create(key, `0|${newSessionKey()}`, HOUR, later());
    await Promise.all(Array.from({ length: 100 }, () => addOne(store, key)));
    expect((await store.read(key, later()))?.split("|")[0]).toBe("100");
  });
}

describe("PGlite", () => {
  describeDriver("sql on PGlite", () => new Kysely({ dialect: new PGliteDialect(new PGlite()) }));
});

describeWithCommands(["postgres", "initdb", "pgbouncer"], "other ways to PostgreSQL", () => {
  let server: PostgresServer;
  let bouncer: PgBouncer;

  test.beforeAll(async ({ server: started }) => {
    server = started;
    bouncer = await PgBouncer.start(server.settings, 5);
  });

  afterAll(async () => {
    await bouncer?.stop();
  });

  describeDriver("sql with postgres.js", () => {
    const { host, user, database } = server.settings;
    return new Kysely({
      dialect: new PostgresJSDialect({
        postgres: postgres({ host, user, database, max: 10, onnotice: () => {} }),
      }),
    });
  });

  const connect = (settings: object): Database => {
    const pool = new Pool({ ...bouncer.settings, max: 20, ...settings });
    pool.on("error", () => {});
    return new Kysely({ dialect: new PostgresDialect({ pool: discardStalled(pool) }) });
  };

  describeDriver("sql behind PgBouncer in transaction mode", () => connect({}));

  test("PgBouncer refuses a pool whose settings have time-outs; those of the role hold", async () => {
    const refused = connect({ statement_timeout: 900 });
    await expect(sql`SELECT 1`.execute(refused)).rejects.toThrow(
      "unsupported startup parameter: statement_timeout",
    );
    await refused.destroy();
    const database = connect({});
    await sql`ALTER ROLE postgres SET statement_timeout = '900ms'`.execute(database);
    const fresh = new Pool(server.settings);
    const { rows } = await fresh.query<{ statement_timeout: string }>("SHOW statement_timeout");
    expect(rows[0]?.statement_timeout).toBe("900ms");
    await fresh.query("ALTER ROLE postgres RESET statement_timeout");
    await fresh.end();
    await database.destroy();
  });
});
