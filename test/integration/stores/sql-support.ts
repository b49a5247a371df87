import { type Kysely, sql } from "kysely";
import { describe, test } from "vitest";
import { Deadline } from "../../../src/core/deadlines.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import type { UserIndex } from "../../../src/stores/user-index.ts";
import { createSessionTable, createUserTables, sqlSessionStore } from "../../../src/stores/sql/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";

export type Database = Kysely<any>;

export const LONG_TTL = 60_000;
export const later = () => new Deadline(20_000);
export const NUL_TEST = "records with NUL come back as they were";
/** In place of what is left out, a test below tells what happens instead. */
export const leavingOut = {
  describe,
  it: Object.assign(test.bind(undefined), { skip: () => {} }),
};

export function openStore(database: Database, table?: string, clock = new ManualClock()): SessionStore {
  return sqlSessionStore({ database, table, users: true })({
    projectName: "test",
    redis: new RedisRegistry(),
    clock,
  });
}

let tables = 0;

/** A store on a table of its own, which has to be empty for the contract. */
export async function openFresh(database: Database) {
  const [table, clock] = [`session_${++tables}`, new ManualClock()];
  await createSessionTable(database, { table });
  await createUserTables(database);
  await sql`DELETE FROM sojourn_user_session`.execute(database);
  await sql`DELETE FROM sojourn_user_epoch`.execute(database);
  const advance = (span: number) => clock.advance(span);
  return { store: openStore(database, table, clock), table, clock, advance };
}

export function demandIndex({ users }: SessionStore): UserIndex {
  if (users === undefined) throw new Error("the store has no index of users");
  return users;
}

export async function listedKeys(users: UserIndex, userId: string): Promise<string[]> {
  const { sessions } = await users.page(userId, { after: undefined, limit: 200 }, later());
  return sessions.map(({ key }) => key);
}

export async function errorOf(operation: Promise<unknown>): Promise<unknown> {
  return operation.then(
    (result) => {
      throw new Error(`It did not fail, but gave ${String(result)}.`);
    },
    (error: unknown) => error,
  );
}

/** Adds 1 to a number in a record, by compare-and-set until it succeeds. */
export async function addOne(store: SessionStore, key: string): Promise<void> {
  for (;;) {
    const record = await store.read(key, later());
    const [count = "", nonce = ""] = record?.split("|") ?? [];
    const next = `${Number(count) + 1}|${newSessionKey()}`;
    const { status } = await store.commit(key, next, { start: -32, text: nonce }, LONG_TTL, later());
    if (status === "committed") return;
  }
}
