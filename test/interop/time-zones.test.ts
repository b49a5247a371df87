import { Kysely, MysqlDialect, PostgresDialect } from "kysely";
import { createPool } from "mysql2";
import { Pool } from "pg";
import { createSojourn, type Sojourn } from "sojourn";
import { djangoSettings } from "sojourn/django";
import { sqlSessionStore } from "sojourn/stores/sql";
import { ManualClock } from "sojourn/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postgresTest } from "../support/fixtures/postgres.ts";
import { describeWithMariadb, MariadbServer } from "../support/mariadb-server.ts";
import { describeWithPostgres, type PostgresServer } from "../support/postgres-server.ts";
import { openSqlite } from "../support/sqlite-database.ts";
import { SECRET } from "./support/django-peer.ts";
import { DjangoSite } from "./support/django-site.ts";
import { type Django, describeWithEnvironment } from "./support/djangos.ts";
import type { SiteSettingsOptions } from "./support/site-settings.ts";

type Data = Record<string, any>;
type Database = Kysely<any>;

/** A database that a Django site has, and Node beside it. */
interface Place {
  readonly ofSite: Pick<SiteSettingsOptions, "postgres" | "mariadb">;
  readonly connect: (site: DjangoSite) => Database;
}

interface Expiry {
  readonly age: number;
}

const HOUR = 3_600_000;
/** Seconds: less than the clocks of both places differ from UTC. */
const TEN_MINUTES = 600;

/** Without a mistake of an hour or more, and with the time that the machine takes. */
function expectAge(age: number, seconds: number): void {
  expect(age).toBeGreaterThan(seconds - 120);
  expect(age).toBeLessThanOrEqual(seconds + 1);
}

/** @param isOfDatabase Whether it is the database alone that has local time, and Django has instants. */
function describeZone(django: Django, timeZone: string, place: () => Place, isOfDatabase = false): void {
  let site: DjangoSite;
  let database: Database;
  let node: Sojourn<Data>;

  const open = (clock?: ManualClock): Sojourn<Data> => {
    const store = sqlSessionStore({ database });
    const { settings } = djangoSettings({ SECRET_KEY: SECRET, ...site.settings }, { database: store });
    const sessions = { ...settings.sessions, deadline: "20s" as const };
    return createSojourn<Data>({ ...settings, sessions, ...(clock && { clock }) });
  };

  beforeAll(async () => {
    const zone = isOfDatabase
      ? { databaseZone: timeZone }
      : { settings: { USE_TZ: false, TIME_ZONE: timeZone } };
    site = await DjangoSite.start({ django, ...place().ofSite, ...zone });
    database = place().connect(site);
    node = open();
  });

  afterAll(async () => {
    await node?.close();
    await database?.destroy();
    await site?.stop();
  });

  test("Node reads a session of Django that ends in ten minutes, and Django one of Node", async () => {
    const there = site.visitor();
    await there.post("/session", { by: "Django" });
    await there.post("/expiry", { seconds: TEN_MINUTES });
    const seen = await node.sessions.open(there.cookieHeader);
    expect(seen.data["by"]).toBe("Django");
    expectAge((seen.expiryDate.getTime() - Date.now()) / 1000, TEN_MINUTES);
    const ours = await node.sessions.create();
    ours.data["by"] = "Node";
    ours.setExpiry(TEN_MINUTES);
    await ours.save();
    expect(await site.visitor(ours.cookieHeader).get("/session")).toMatchObject({ by: "Node" });
  });

  test("clearExpired deletes what ended ten minutes ago, and nothing that lives for ten minutes more", async () => {
    const there = site.visitor();
    await there.post("/session", { by: "Django" });
    await there.post("/expiry", { seconds: TEN_MINUTES });
    const earlier = open(new ManualClock(Date.now() - TEN_MINUTES * 2000));
    const [living, ended] = [await node.sessions.create(), await earlier.sessions.create()];
    for (const session of [living, ended]) {
      session.data["by"] = "Node";
      session.setExpiry(TEN_MINUTES);
      await session.save();
    }
    expect(await site.visitor(ended.cookieHeader).get("/session")).toEqual({});
    expect(await node.sessions.clearExpired()).toBe(1);
    expect(await there.get("/session")).toMatchObject({ by: "Django" });
    expect(await site.visitor(living.cookieHeader).get("/session")).toMatchObject({ by: "Node" });
    expect(await node.sessions.clearExpired()).toBe(0);
    await earlier.close();
  });

  test.each([
    ["text", () => "10m" as const],
    ["a date", () => new Date(Date.now() + TEN_MINUTES * 1000)],
  ])("Django reads an expiry that Node has set by %s, and changes the session", async (_, expiry) => {
    const session = await node.sessions.create();
    session.data["by"] = "Node";
    session.setExpiry(expiry());
    await session.save();
    const there = site.visitor(session.cookieHeader);
    expectAge((await there.get<Expiry>("/expiry")).age, TEN_MINUTES);
    await there.post("/session", { and: "Django" });
    const seen = await node.sessions.open(there.cookieHeader);
    expect(seen.data).toMatchObject({ by: "Node", and: "Django" });
    expectAge((seen.expiryDate.getTime() - Date.now()) / 1000, TEN_MINUTES);
  });

  test("Node reads an expiry that Django has set to an instant, and changes the session", async () => {
    const there = site.visitor();
    await there.post("/session", { by: "Django" });
    const end = new Date(Date.now() + TEN_MINUTES * 1000);
    const local = end.toLocaleString("sv-SE", { timeZone }).replace(" ", "T");
    await there.post("/expiry", { at: isOfDatabase ? end.toISOString() : local });
    const session = await node.sessions.open(there.cookieHeader);
    expectAge((session.expiryDate.getTime() - Date.now()) / 1000, TEN_MINUTES);
    session.data["and"] = "Node";
    await session.save();
    expect(await there.get("/session")).toMatchObject({ by: "Django", and: "Node" });
    expectAge((await there.get<Expiry>("/expiry")).age, TEN_MINUTES);
    await node.sessions.clearExpired();
    expect(await there.get("/session")).toMatchObject({ and: "Node" });
  });

  test("the row of a session of Node's has the time that Django would have written", async () => {
    const [there, ours] = [site.visitor(), await node.sessions.create()];
    await there.post("/session", { by: "Django" });
    ours.data["by"] = "Node";
    await ours.save();
    const keys = [there.cookieHeader, ours.cookieHeader].map((header) => header?.split("=")[1] ?? "");
    const rows = await database
      .selectFrom("django_session")
      .selectAll()
      .where("session_key", "in", keys)
      .execute();
    const [one = 0, two = 0] = rows.map((row) => new Date(String(row["expire_date"])).getTime());
    expect(rows).toHaveLength(2);
    expect(Math.abs(one - two)).toBeLessThan(HOUR / 10);
  });
}

await describeWithEnvironment("lts", (django) => {
  const zones = ["America/New_York", "Asia/Tokyo"];

  describe.for(zones)("A Django site with USE_TZ = False in %s, on SQLite", (zone) => {
    describeZone(django, zone, () => ({
      ofSite: {},
      connect: (site) =>
        openSqlite((site.settings["DATABASES"] as { default: { NAME: string } }).default.NAME),
    }));
  });

  describe("A Django site whose SQLite has a TIME_ZONE of its own", () => {
    describeZone(
      django,
      "Asia/Tokyo",
      () => ({
        ofSite: {},
        connect: (site) =>
          openSqlite((site.settings["DATABASES"] as { default: { NAME: string } }).default.NAME),
      }),
      true,
    );
  });

  describeWithPostgres("A Django site with USE_TZ = False on PostgreSQL", () => {
    let server: PostgresServer;
    postgresTest.beforeAll(async ({ server: started }) => {
      server = started;
    });
    describe.for(zones)("in %s", (zone) => {
      describeZone(django, zone, () => ({
        ofSite: { postgres: server.settings },
        connect: () => {
          const pool = new Pool(server.settings);
          pool.on("error", () => {});
          return new Kysely({ dialect: new PostgresDialect({ pool }) });
        },
      }));
    });
  });

  // A folder is a database, and each place has its own.
  describe.for(zones)("A Django site with USE_TZ = False in %s,", (zone) => {
    describeWithMariadb("on MariaDB", () => {
      let server: MariadbServer;
      beforeAll(async () => {
        server = await MariadbServer.start();
      });
      afterAll(() => server?.stop());
      describeZone(django, zone, () => ({
        ofSite: { mariadb: server.settings },
        connect: () => new Kysely({ dialect: new MysqlDialect({ pool: createPool(server.settings) }) }),
      }));
    });
  });
});
