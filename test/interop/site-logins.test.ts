import { afterAll, beforeAll, expect, test } from "vitest";
import { createSojourn, type SessionStoreFactory, type Sojourn } from "sojourn";
import { redisSessionStore } from "sojourn/stores/redis";
import { sqlSessionStore } from "sojourn/stores/sql";
import type { Kysely } from "kysely";
import { openDatabase } from "../support/engines/open-engine.ts";
import { redisTest } from "../support/fixtures/redis.ts";
import { describeWithPostgres, PostgresServer } from "../support/postgres-server.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { DjangoSite, USER } from "./support/django-site.ts";
import { describeWithEnvironment } from "./support/djangos.ts";
import { PROJECT } from "./support/site-settings.ts";
import { SECRET } from "./support/django-peer.ts";

interface Data {
  cart?: Record<string, number>;
}

const ADA = { id: "1", name: "ada" };

function openSojourn(store: SessionStoreFactory, redis?: RedisServer): Sojourn<Data> {
  return createSojourn<Data>({
    projectName: PROJECT,
    secretKey: SECRET,
    ...(redis && { redis: { default: { url: redis.url, connectTimeout: "20s" } } }),
    sessions: { store, deadline: "20s" },
  });
}

/** The tests of one login on both sides. */
function defineLogins(site: () => DjangoSite, sojourn: () => Sojourn<Data>): void {
  test("a user who logs in at Django is logged in at Node, has one cart on both, and logs out at Node", async () => {
    const visitor = site().visitor();
    await visitor.post("/cart", { product: "tea" });
    await visitor.post("/login", USER);

    const session = await sojourn().sessions.open(visitor.cookieHeader);
    expect([session.userId, session.isAuthenticated, session.data.cart]).toEqual(["1", true, { tea: 1 }]);
    await session.update(({ cart = {} }) => (cart["cake"] = 2));
    expect(await visitor.get("/cart")).toEqual({ tea: 1, cake: 2 });
    expect(await visitor.get("/whoami")).toEqual(ADA);

    await session.logout();
    expect([await visitor.get("/whoami"), await visitor.get("/cart")]).toEqual([null, {}]);
  });

  test("a user who logs in at Node is logged in at Django, has one cart on both, and logs out at Django", async () => {
    const password = await site().visitor().get<string>("/stored-password?user=ada");
    const session = await sojourn().sessions.create({ cart: { tea: 1 } });
    await session.login(1, { django: { password } });

    const cookies = session.cookieHeader;
    const visitor = site().visitor(cookies);
    expect(await visitor.get("/whoami")).toEqual(ADA);
    expect(await visitor.post("/cart", { product: "cake", quantity: 2 })).toEqual({ tea: 1, cake: 2 });
    expect((await sojourn().sessions.open(cookies)).data.cart).toEqual({ tea: 1, cake: 2 });

    await visitor.post("/logout");
    const after = await sojourn().sessions.open(cookies);
    expect([after.isAuthenticated, after.data]).toEqual([false, {}]);
  });

  test("a wrong password is no login on either side", async () => {
    const visitor = site().visitor();
    await visitor.post("/cart", { product: "tea" });
    expect(await visitor.post("/login", { ...USER, password: "wrong" })).toBeNull();
    expect((await sojourn().sessions.open(visitor.cookieHeader)).isAuthenticated).toBe(false);
  });

  test("what Django writes between Node's reading and saving is kept", async () => {
    const visitor = site().visitor();
    await visitor.post("/cart", { product: "tea" });
    const session = await sojourn().sessions.open(visitor.cookieHeader);
    await visitor.post("/session", { fromDjango: true });
    await session.update((data) => (data.cart = { cake: 1 }));
    expect(await visitor.get("/session")).toMatchObject({ cart: { cake: 1 }, fromDjango: true });
  });
}

for (const name of ["lts", "oldest", "newest"] as const) {
  await describeWithEnvironment(name, (django) => {
    describeWithPostgres("sessions of the engine db, on PostgreSQL", () => {
      let site: DjangoSite;
      let database: Kysely<unknown>;
      let sojourn: Sojourn<Data>;

      // Each version of Django makes tables of its own, on a server of its own.
      let server: PostgresServer;

      beforeAll(async () => {
        server = await PostgresServer.start();
        site = await DjangoSite.start({ django, postgres: server.settings });
        database = openDatabase({ kind: "postgres", settings: server.settings });
        sojourn = openSojourn(sqlSessionStore({ database }));
      });

      afterAll(async () => {
        await sojourn?.close();
        await database?.destroy();
        await site?.stop();
        await server?.stop();
      });

      defineLogins(
        () => site,
        () => sojourn,
      );
    });
  });
}

await describeWithEnvironment("codex", (django) => {
  describeWithRedis("its sessions in Redis", () => {
    let site: DjangoSite;
    let sojourn: Sojourn<Data>;

    redisTest.beforeAll(async ({ server }) => {
      site = await DjangoSite.start({ django, engine: "codex", redisUrl: server.url });
      sojourn = openSojourn(redisSessionStore(), server);
    });

    afterAll(async () => {
      await sojourn?.close();
      await site?.stop();
    });

    defineLogins(
      () => site,
      () => sojourn,
    );
  });
});
