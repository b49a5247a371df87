import { setTimeout as sleep } from "node:timers/promises";
import { Kysely, MysqlDialect, PostgresDialect, sql } from "kysely";
import { createPool } from "mysql2";
import { Pool } from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Deadline } from "../../src/core/deadlines.ts";
import { newSessionKey } from "../../src/core/ids.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import type { SessionStore } from "../../src/stores/session-store.ts";
import { createSessionTable, discardStalled, sqlSessionStore } from "../../src/stores/sql/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { describeWithMariadb, MariadbServer } from "../support/mariadb-server.ts";
import { describeWithPostgres, PostgresServer } from "../support/postgres-server.ts";
import { TcpProxy } from "./tcp-proxy.ts";

type Database = Kysely<any>;

/** A server that can be told to be a standby, for connections that are opened later. */
interface Server {
  readonly path: string;
  connectTo(port: number): Database;
  stop(): Promise<void>;
}

const SIZE = 4;
const HOUR = 3_600_000;
const ETAG = { start: 0, text: "record" };
const later = () => new Deadline(5000);

/** Tests of a pool whose connections lead to a standby, once the address leads to the primary again. */
function describeStandby(start: () => Promise<Server>, standBy: string): void {
  let [standby, primary]: [Server | undefined, Server | undefined] = [undefined, undefined];
  let proxy: TcpProxy;
  let database: Database;
  let store: SessionStore;
  const keys = Array.from({ length: SIZE }, newSessionKey);

  async function prepare(server: Server): Promise<void> {
    const direct = await TcpProxy.start(server.path);
    const its = server.connectTo(direct.port);
    await createSessionTable(its);
    for (const key of keys) await open(its).create(key, "record", HOUR, later());
    if (server === standby) await sql.raw(standBy).execute(its);
    await its.destroy();
    await direct.close();
  }

  beforeEach(async () => {
    [standby, primary] = await Promise.all([start(), start()]);
    await prepare(standby);
    await prepare(primary);
    proxy = await TcpProxy.start(standby.path);
    database = standby.connectTo(proxy.port);
    store = open(database);
    await Promise.all(Array.from({ length: SIZE }, () => sql`SELECT 1`.execute(database)));
  });

  afterEach(async () => {
    await database?.destroy();
    await proxy?.close();
    await Promise.all([standby?.stop(), primary?.stop()]);
  });

  test("no write fails: each connection to the standby is given up, and the statement is sent once more", async () => {
    proxy.leadTo(primary?.path ?? "");
    await sleep(1100);
    const touches = keys.map((key) => store.touch(key, ETAG, 2 * HOUR, later()));
    expect(await Promise.all(touches)).toEqual(keys.map(() => ({ status: "committed" })));
    for (const key of keys)
      expect((await store.commit(key, "two", ETAG, HOUR, later())).status).toBe("committed");
    expect(proxy.accepted).toBeLessThanOrEqual(2 * SIZE);
  });

  test("as long as the address leads to a standby: not-sent, with the number and the reason", async () => {
    await sleep(1100);
    const connections = proxy.accepted;
    for (let count = 0; count < 20; count++) {
      const error: unknown = await store
        .touch(keys[0] ?? "", ETAG, HOUR, later())
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
      expect((error as Error).message).toMatch(/\(25006.*The server does not write: it is a standby/);
    }
    expect(await store.read(keys[0] ?? "", later())).toBe("record");
    expect(proxy.accepted - connections).toBeLessThanOrEqual(2 * SIZE);
  });
}

function open(database: Database): SessionStore {
  return sqlSessionStore({ database })({
    projectName: "p",
    redis: new RedisRegistry(),
    clock: new ManualClock(),
  });
}

describeWithPostgres("a pool that is pinned to a read-only PostgreSQL", () => {
  describeStandby(async () => {
    const server = await PostgresServer.start();
    return {
      path: `${server.folder}/.s.PGSQL.5432`,
      stop: () => server.stop(),
      connectTo: (port) => {
        const pool = new Pool({ ...server.settings, host: "127.0.0.1", port, max: SIZE });
        pool.on("error", () => {});
        return new Kysely({ dialect: new PostgresDialect({ pool: discardStalled(pool) }) });
      },
    };
  }, "ALTER DATABASE postgres SET default_transaction_read_only = on");
});

describeWithMariadb("a pool that is pinned to a read-only MariaDB", () => {
  describeStandby(async () => {
    const server = await MariadbServer.start();
    const { user, database, socketPath } = server.settings;
    return {
      path: socketPath,
      stop: () => server.stop(),
      connectTo: (port) => {
        const pool = createPool({ host: "127.0.0.1", port, user, database, connectionLimit: SIZE });
        return new Kysely({ dialect: new MysqlDialect({ pool: discardStalled(pool) }) });
      },
    };
  }, "SET GLOBAL tx_read_only = 1");
});
