import { inspect } from "node:util";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSojourn } from "../../../src/create-sojourn.ts";
import { Deadline } from "../../../src/core/deadlines.ts";
import { StoreConnectionError, StoreServiceError } from "../../../src/core/errors.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { createSessionTable, sqlSessionStore } from "../../../src/stores/sql/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { Browser, type Data } from "../../support/session-harness.ts";
import {
  addOne,
  type Database,
  demandIndex,
  errorOf,
  later,
  listedKeys,
  LONG_TTL,
  openFresh,
  openStore,
} from "./sql-support.ts";

/** Tests for every database. */
export function describeDatabase(connect: () => Database): void {
  let one: Database;
  let two: Database;

  beforeAll(() => {
    one = connect();
    two = connect();
  });

  afterAll(async () => {
    await one?.destroy();
    await two?.destroy();
  });

  test("100 concurrent changes by compare-and-set, on a server through two pools: none is lost", async () => {
    const { store, table, clock } = await openFresh(one);
    const key = newSessionKey();
    await store.create(key, `0|${newSessionKey()}`, LONG_TTL, later());
    const stores = [store, openStore(two, table, clock)];
    await Promise.all(Array.from({ length: 100 }, (_, index) => addOne(stores[index % 2] ?? store, key)));
    expect((await store.read(key, later()))?.split("|")[0]).toBe("100");
  });

  test("what is deleted does not live on where the clock is behind", async () => {
    const { store, table, clock } = await openFresh(one);
    const behind = new ManualClock(clock.now());
    const key = newSessionKey();
    await store.create(key, "record", LONG_TTL, later());
    clock.advance(LONG_TTL);
    expect(await store.delete(key, later())).toBe(false);
    const other = openStore(two, table, behind);
    expect(await other.read(key, later())).toBeUndefined();
    expect(await other.touch(key, { start: 0, text: "record" }, LONG_TTL, later())).toEqual({
      status: "gone",
    });
  });

  test("a commit that changes nothing counts as committed, also at the same instant", async () => {
    const { store } = await openFresh(one);
    const [key, etag] = [newSessionKey(), { start: 0, text: "same" }];
    await store.create(key, "same", LONG_TTL, later());
    expect(await store.commit(key, "same", etag, LONG_TTL, later())).toEqual({ status: "committed" });
    expect(await store.touch(key, etag, LONG_TTL, later())).toEqual({ status: "committed" });
  });

  test("an etag is compared byte by byte: another case, an accent or a trailing space is another version", async () => {
    const { store } = await openFresh(one);
    const key = newSessionKey();
    await store.create(key, "abc ", LONG_TTL, later());
    for (const text of ["ABC ", "äbc", "abc\t"]) {
      expect((await store.commit(key, "x", { start: 0, text }, LONG_TTL, later())).status).toBe("conflict");
    }
    expect((await store.commit(key, "x", { start: -3, text: "bc" }, LONG_TTL, later())).status).toBe(
      "committed",
    );
  });

  test("of 20 concurrent creates over an expired record exactly one is created", async () => {
    const { store, clock } = await openFresh(one);
    const key = newSessionKey();
    await store.create(key, "old", 1000, later());
    clock.advance(1000);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => store.create(key, `record ${index}`, LONG_TTL, later())),
    );
    const created = results.flatMap(({ status }, index) => (status === "created" ? [`record ${index}`] : []));
    expect(created).toEqual([await store.read(key, later())]);
  });

  test("a walk tells no session that has expired", async () => {
    const { store, clock } = await openFresh(one);
    const [key, expiring] = [newSessionKey(), newSessionKey()];
    await store.create(expiring, "record", 1000, later());
    await store.create(key, "record", LONG_TTL, later());
    clock.advance(1000);
    const told: string[] = [];
    for await (const each of store.scan(later)) told.push(each);
    expect(told).toEqual([key]);
  });

  test("clearExpired deletes expired records in batches, tells of each, and deletes no live one", async () => {
    const { store, table, clock } = await openFresh(one);
    const expiring = Array.from({ length: 2100 }, newSessionKey);
    const living = Array.from({ length: 50 }, newSessionKey);
    await Promise.all(expiring.map((key) => store.create(key, "record", 1000, later())));
    await Promise.all(living.map((key) => store.create(key, "record", 1001, later())));
    clock.advance(1000);
    let deadlines = 0;
    const counts: number[] = [];
    const cleared = await store.clearExpired(
      () => (deadlines++, later()),
      (progress) => counts.push(progress.cleared),
    );
    expect(cleared).toBe(2100);
    // Three for the index of users, four for the sessions; each is a read and a deletion.
    expect(counts).toEqual([0, 0, 0, 250, 750, 1750, 2100]);
    expect(deadlines).toBe(2 * counts.length);
    const rows = await one.selectFrom(table).select("session_key").execute();
    expect(rows.map(({ session_key: key }) => key as string).toSorted()).toEqual(living.toSorted());
    expect(await store.clearExpired(later)).toBe(0);
  });

  test("tombstones are rows of the table whose key no session has, and a scan passes pages of them by", async () => {
    const { store, table } = await openFresh(one);
    const names = Array.from({ length: 2100 }, (_, index) => `name.${index}`);
    await Promise.all(names.map(async (name) => store.tombstones?.replace(name, "moved", LONG_TTL, later())));
    const keys = Array.from({ length: 10 }, newSessionKey);
    await Promise.all(keys.map((key) => store.create(key, "record", LONG_TTL, later())));
    const rows = await one.selectFrom(table).select(["session_key", "session_data"]).execute();
    expect(rows).toHaveLength(2110);
    expect(rows.filter(({ session_key: key }) => /^moved:[a-z0-9]{32}$/.test(String(key)))).toHaveLength(
      2100,
    );
    const found = [];
    for await (const key of store.scan(later)) found.push(key);
    expect(found.toSorted()).toEqual(keys.toSorted());
  });

  test("clearExpired deletes expired tombstones among expired records, and counts the records alone", async () => {
    const { store, table, clock } = await openFresh(one);
    await Promise.all(
      Array.from({ length: 1100 }, async (_, index) => {
        await store.create(newSessionKey(), "record", 500 + (index % 500), later());
        await store.tombstones?.add(`name.${index}`, "moved", 500 + (index % 500), later());
      }),
    );
    await store.tombstones?.add("alive", "moved", 1001, later());
    clock.advance(1000);
    const counts: number[] = [];
    expect(await store.clearExpired(later, ({ cleared }) => counts.push(cleared))).toBe(1100);
    expect(counts.toSorted((left, right) => left - right)).toEqual(counts);
    expect(counts.length).toBeGreaterThanOrEqual(3 + 2200 / 1000);
    expect(counts.at(-1)).toBe(1100);
    expect(await one.selectFrom(table).select("session_data").execute()).toEqual([{ session_data: "moved" }]);
    expect(await store.tombstones?.read("alive", later())).toBe("moved");
  });

  test("of additions through two pools exactly one is stored, and the others answer its text", async () => {
    const { store, table, clock } = await openFresh(one);
    const stores = [store, openStore(two, table, clock)];
    const texts = Array.from({ length: 40 }, (_, index) => `addition ${index}`);
    const answers = await Promise.all(
      texts.map(async (text, index) => stores[index % 2]?.tombstones?.add("name", text, LONG_TTL, later())),
    );
    const stored = await store.tombstones?.read("name", later());
    expect(answers).toEqual(texts.map((text) => (text === stored ? undefined : stored)));
  });

  test("clearExpired beside renewals: what was renewed in time stays", async () => {
    const { store, clock } = await openFresh(one);
    const keys = Array.from({ length: 300 }, newSessionKey);
    await Promise.all(keys.map((key) => store.create(key, "record", 1000, later())));
    clock.advance(999);
    const touches = keys.map((key) => store.touch(key, { start: 0, text: "record" }, LONG_TTL, later()));
    clock.advance(1);
    const [cleared, ...results] = await Promise.all([store.clearExpired(later), ...touches]);
    const committed = results.filter(({ status }) => status === "committed").length;
    const found = [];
    for await (const key of store.scan(later)) found.push(key);
    expect(found).toHaveLength(committed);
    expect(cleared + committed).toBe(300);
  });

  test("clearExpired goes through expiries of any spread, to the microsecond, in batches of at most 1000", async () => {
    const { store, table, clock } = await openFresh(one);
    const ttls = Array.from({ length: 2500 }, (_, index) => 1 + Math.floor(index / 3) * 0.75);
    await Promise.all(ttls.map((ttl) => store.create(newSessionKey(), "record", ttl, later())));
    clock.advance(400);
    const [counts, expired]: [number[], number] = [[0], ttls.filter((ttl) => ttl <= 400).length];
    expect(await store.clearExpired(later, ({ cleared }) => counts.push(cleared))).toBe(expired);
    expect(Math.max(...counts.slice(1).map((count, at) => count - (counts[at] ?? 0)))).toBeLessThanOrEqual(
      1000,
    );
    const { count } = await one
      .selectFrom(table)
      .select(one.fn.countAll().as("count"))
      .executeTakeFirstOrThrow();
    expect(Number(count)).toBe(2500 - expired);
    clock.advance(400);
    expect(await store.clearExpired(later)).toBe(2500 - expired);
  });

  test("readWithTtl gives the record and what is left of its time, to the microsecond", async () => {
    const { store, clock } = await openFresh(one);
    const key = newSessionKey();
    await store.create(key, "record", 5000.5, later());
    clock.advance(1000.25);
    expect(await store.readWithTtl?.(key, later())).toEqual({ record: "record", ttl: 4000.25 });
    clock.advance(4000.25);
    expect(await store.readWithTtl?.(key, later())).toBeUndefined();
  });

  test("clearExpired also ends what the index of users has kept long enough, and no more", async () => {
    const { store, clock } = await openFresh(one);
    const users = demandIndex(store);
    const now = clock.now();
    const entry = { createdAt: now, lastSeenAt: now, keepUntil: now + 1000, device: "" };
    const later1 = { ...entry, keepUntil: now + 1001 };
    const [key, other, evicted] = [newSessionKey(), newSessionKey(), newSessionKey()];
    await users.put("7", { key, entry }, now, later());
    await users.put("7", { key: other, entry: later1 }, now, later());
    await users.put("9", { key: evicted, entry }, now, later());
    const limits = { most: 1, slack: 0, now };
    expect((await users.add("9", { key: newSessionKey(), entry: later1 }, limits, later())).evicted).toEqual([
      evicted,
    ]);
    const waiting = { ...limits, most: undefined, isWaiting: true };
    await users.add("7", { key: newSessionKey(), entry }, waiting, later());
    const fresh = newSessionKey();
    await users.add("9", { key: fresh, entry: later1 }, waiting, later());
    await users.revoke("7", "short", 1000, later());
    await users.revoke("8", "long", 1001, later());
    clock.advance(1000);
    expect(await store.clearExpired(later)).toBe(0);
    expect(await listedKeys(users, "7")).toEqual([other]);
    expect(await listedKeys(users, "9")).toHaveLength(2);
    expect(await listedKeys(users, "9")).toContain(fresh);
    expect(await listedKeys(users, "9")).not.toContain(evicted);
    expect(await users.check("7", other, later())).toEqual({ epoch: "", isListed: true });
    expect(await users.check("8", other, later())).toEqual({ epoch: "long", isListed: false });
  });

  test("additions and removals of many users at once: of each list as many count as allowed", async () => {
    const { store, clock } = await openFresh(one);
    const index = demandIndex(store);
    const [users, now] = [Array.from({ length: 10 }, (_, id) => `user ${id}`), clock.now()];
    const limits = { most: 2, slack: 0, now };
    const entry = { createdAt: now, lastSeenAt: now, keepUntil: now + LONG_TTL, device: "" };
    const additions = users.flatMap((user) =>
      Array.from({ length: 10 }, async () => {
        const key = newSessionKey();
        const { evicted } = await index.add(user, { key, entry }, limits, later());
        await index.remove(
          user,
          [...evicted, newSessionKey()].map((each) => ({ key: each })),
          later(),
        );
      }),
    );
    await Promise.all(additions);
    const lists = await Promise.all(users.map((user) => listedKeys(index, user)));
    expect(lists.map((list) => list.length)).toEqual(users.map(() => 2));
  });

  test("ids of users are told apart byte by byte: case, accents, trailing spaces", async () => {
    const { store, clock } = await openFresh(one);
    const users = demandIndex(store);
    const ids = ["a", "A", "á", "a ", "a  "];
    const entry = { createdAt: 1, lastSeenAt: 1, keepUntil: clock.now() + LONG_TTL, device: "" };
    for (const id of ids) await users.put(id, { key: newSessionKey(), entry }, clock.now(), later());
    const lists = await Promise.all(ids.map((id) => listedKeys(users, id)));
    expect(lists.map((list) => list.length)).toEqual([1, 1, 1, 1, 1]);
  });

  test("sessions on it: a login is listed, and revokeUser ends it on every device", async () => {
    const { table, clock } = await openFresh(one);
    const store = sqlSessionStore({ database: one, table, users: true });
    const { sessions } = createSojourn<Data>({
      projectName: "test",
      clock,
      secretKey: "a secret of the tests, long enough",
      sessions: { store, maxPerUser: 2 },
    });
    const browsers = Array.from({ length: 3 }, () => new Browser(sessions));
    for (const browser of browsers) {
      await browser.request((session) => session.login(7));
      clock.advance(1);
    }
    const logins = () =>
      Promise.all(browsers.map((browser) => browser.request((session) => session.isAuthenticated)));
    expect(await logins()).toEqual([false, true, true]);
    await sessions.revokeUser(7);
    expect(await logins()).toEqual([false, false, false]);
    expect(await one.selectFrom(table).selectAll().execute()).toEqual([]);
  });

  test("createSessionTable leaves a table that is there, and what is in it", async () => {
    const { store, table } = await openFresh(one);
    const key = newSessionKey();
    await store.create(key, "record", LONG_TTL, later());
    await createSessionTable(one, { table });
    expect(await store.read(key, later())).toBe("record");
  });

  test("a missing table is an error that says what to do, and no write", async () => {
    const store = openStore(one, "nowhere");
    const error = await errorOf(store.create(newSessionKey(), "record", LONG_TTL, later()));
    expect(error).toBeInstanceOf(StoreServiceError);
    expect((error as Error).message).toMatch(/nowhere.* call createSessionTable\(database\)\.$/);
  });

  test("no error shows the key, the etag or the record, whatever the driver puts on its own", async () => {
    const store = openStore(one, "nowhere");
    const [key, record, text] = [newSessionKey(), "a very secret record", "a very secret etag"];
    const errors = await Promise.all([
      errorOf(store.create(key, record, LONG_TTL, later())),
      errorOf(store.commit(key, record, { start: 0, text }, LONG_TTL, later())),
      errorOf(store.read(key, later())),
    ]);
    for (const error of errors) {
      const shown = inspect(error, { depth: 9, showHidden: true });
      expect(shown).not.toContain(key);
      expect(shown).not.toContain("secret");
    }
  });
}

/** Tests for databases with a server. */
export function describeServer(
  server: () => { kill: () => Promise<void>; restart: () => Promise<void> },
  connect: (size?: number) => Database,
  lockTable: (table: string) => string,
  unlocking: readonly string[] = [],
): void {
  /** Runs something while another connection keeps everybody from a table. */
  async function whileLocked(database: Database, table: string, act: () => Promise<void>): Promise<void> {
    await database.connection().execute(async (connection) => {
      await sql.raw("BEGIN").execute(connection);
      await sql.raw(lockTable(table)).execute(connection);
      await act();
      // When the server was killed, the lock went with it.
      for (const statement of ["ROLLBACK", ...unlocking])
        await sql
          .raw(statement)
          .execute(connection)
          .catch(() => {});
    });
  }

  test("no answer within the deadline: the outcome is unknown, and the late answer is dropped", async () => {
    const [database, other] = [connect(), connect()];
    const { store, table } = await openFresh(database);
    const key = newSessionKey();
    await whileLocked(other, table, async () => {
      const started = performance.now();
      const error = await errorOf(store.create(key, "record", LONG_TTL, new Deadline(200)));
      expect(performance.now() - started).toBeLessThan(450);
      expect(error).toBeInstanceOf(StoreConnectionError);
      expect(error).toMatchObject({ outcome: "unknown" });
      const readError = await errorOf(store.read(key, new Deadline(50)));
      expect(readError).toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "not-sent" });
    });
    await database.destroy();
    await other.destroy();
  });

  test("no connection of the pool within the deadline: it is not sent, and never will be", async () => {
    const database = connect(1);
    const { store } = await openFresh(database);
    const key = newSessionKey();
    await database.connection().execute(async () => {
      const error = await errorOf(store.create(key, "record", LONG_TTL, new Deadline(50)));
      expect(error).toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "not-sent" });
    });
    expect(await store.read(key, later())).toBeUndefined();
    await database.destroy();
  });

  test("a server that dies during a write: unknown; one that is not there: not sent; back again: all is well", async () => {
    const [database, other] = [connect(), connect()];
    const { store, table } = await openFresh(database);
    const key = newSessionKey();
    await whileLocked(other, table, async () => {
      const writing = errorOf(store.create(key, "record", LONG_TTL, later()));
      await store.read(key, new Deadline(100)).catch(() => {});
      await server().kill();
      expect(await writing).toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "unknown" });
    });
    const error = await errorOf(store.create(key, "record", LONG_TTL, later()));
    expect(error).toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "not-sent" });
    await server().restart();
    expect(await store.create(key, "record", LONG_TTL, later())).toEqual({ status: "created" });
    await database.destroy();
    await other.destroy();
  });
}
