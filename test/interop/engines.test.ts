import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWithPostgres, PostgresServer } from "../support/postgres-server.ts";
import { describeWithRedis, RedisServer } from "../support/redis-server.ts";
import { MemcachedServer } from "../support/memcached-server.ts";
import { SERDE } from "./support/memcached-site.ts";
import { describeWithEnvironment, type DjangoName } from "./support/djangos.ts";
import { DjangoSite, USER } from "./support/django-site.ts";
import { NodeShop } from "./support/node-shop.ts";
import type { SessionEngine } from "./support/site-settings.ts";

/** Engines, and those whose cache is on memcached. */
const ENGINES: Partial<Record<DjangoName, readonly (SessionEngine | `${SessionEngine} on memcached`)[]>> = {
  lts: ["db", "cached_db", "file", "signed_cookies", "cache", "cache on memcached", "cached_db on memcached"],
  codex: ["codex"],
};

const ADA = { id: "1", name: "ada" };

/** Requests at one side while those at the other go on. */
const ROUNDS = 25;

for (const [name, titles] of Object.entries(ENGINES) as [DjangoName, string[]][]) {
  const engines = titles.map((title) => {
    const [engine, place] = title.split(" on ") as [SessionEngine, string?];
    return { title, engine, place };
  });
  await describeWithEnvironment(name, (django) => {
    describeWithRedis("on Redis", () => {
      describeWithPostgres("and PostgreSQL", () => {
        let redis: RedisServer;
        let postgres: PostgresServer;
        beforeAll(async () => {
          [redis, postgres] = await Promise.all([RedisServer.start(), PostgresServer.start()]);
        });
        afterAll(async () => {
          await redis?.stop();
          await postgres?.stop();
        });

        describe.for(engines)("Django and Node share the engine $title", ({ engine, place }) => {
          let site: DjangoSite;
          let shop: NodeShop;
          const stops: (() => Promise<void>)[] = [];
          beforeAll(async () => {
            const { settings: database } = postgres;
            const memcached = place === undefined ? undefined : await MemcachedServer.start();
            if (memcached !== undefined) stops.push(() => memcached.stop());
            site = await DjangoSite.start({
              django,
              engine,
              redisUrl: redis.url,
              memcached: memcached?.path,
              modules: SERDE,
              postgres: database,
            });
            shop = await NodeShop.start({ settings: site.settings, postgres: database });
          });
          afterAll(async () => {
            await shop?.stop();
            await site?.stop();
            for (const stop of stops.splice(0)) await stop();
          });

          test("every setting of the site is honoured", () => {
            expect(shop.unsupported).toEqual([]);
          });

          test("Django logs in, Node sees the user and fills the cart, Django shows it; Node logs out, Django is logged out", async () => {
            const there = site.visitor();
            await there.post("/cart", { product: "tea" });
            expect(await there.post("/login", USER)).toEqual(ADA);
            const here = shop.visitor(there.cookieHeader);
            expect(await here.get("/whoami")).toEqual(ADA);
            expect(await here.post("/cart", { product: "tea", quantity: 2 })).toEqual({ tea: 3 });
            expect(await site.visitor(here.cookieHeader).get("/cart")).toEqual({ tea: 3 });
            const before = here.cookieHeader;
            await here.post("/logout");
            expect(here.cookie("sessionid")).toBeUndefined();
            // A cookie that carries its session cannot be taken back: only the browser forgets it.
            const isRevocable = engine !== "signed_cookies";
            expect(await site.visitor(before).get("/whoami")).toEqual(isRevocable ? null : ADA);
          });

          test("Node logs in, Django sees the user and fills the cart, Node shows it; Django logs out, Node is logged out", async () => {
            const here = shop.visitor();
            await here.post("/cart", { product: "tea" });
            expect(await here.post("/login", { user: "ada" })).toEqual(ADA);
            const there = site.visitor(here.cookieHeader);
            expect(await there.get("/whoami")).toEqual(ADA);
            expect(await there.post("/cart", { product: "tea", quantity: 2 })).toEqual({ tea: 3 });
            const before = there.cookieHeader;
            expect(await shop.visitor(before).get("/cart")).toEqual({ tea: 3 });
            await there.post("/logout");
            expect(there.cookie("sessionid")).toBeUndefined();
            const isRevocable = engine !== "signed_cookies";
            expect(await shop.visitor(before).get("/whoami")).toEqual(isRevocable ? null : ADA);
          });

          // Cookies keep what the browser was sent last: there is nothing that writers could share.
          if (engine === "signed_cookies") return;

          test("with writers at both sides Node loses no update of either; what Django overwrites is counted", async ({
            annotate,
          }) => {
            const first = site.visitor();
            await first.post("/cart", { product: "tea", quantity: 0 });
            const cookies = first.cookieHeader;
            const seen: number[] = [];
            // The site's only writer: what it finds of its own is what Node has left of it.
            const theirs = (async () => {
              const visitor = site.visitor(cookies);
              for (let round = 1; round <= ROUNDS; round++) {
                const data: Record<string, number> = await visitor.get("/session");
                seen.push(data["theirs"] ?? 0);
                await visitor.post("/session", { theirs: round });
              }
            })();
            const ours = Promise.all(
              ["coffee", "milk"].map(async (product) => {
                const visitor = shop.visitor(cookies);
                for (let round = 0; round < ROUNDS; round++) await visitor.post("/cart", { product });
              }),
            );
            await Promise.all([theirs, ours]);
            const overlooked = seen.filter((value, round) => value !== round).length;
            // Django's file engine knows no lock: what it writes in the microseconds of Node's last look is
            // overlooked.
            expect(overlooked).toBeLessThanOrEqual(engine === "file" ? 1 : 0);
            const { theirs: last, cart } = await site
              .visitor(cookies)
              .get<{ theirs: number; cart: Cart }>("/session");
            expect(last).toBe(ROUNDS);
            // Django writes the whole record as it has read it, so updates of Node in between may be gone.
            const kept = (cart["coffee"] ?? 0) + (cart["milk"] ?? 0);
            expect(kept).toBeLessThanOrEqual(2 * ROUNDS);
            await annotate(
              `Django's ${ROUNDS} writes overwrote ${2 * ROUNDS - kept} of Node's ${2 * ROUNDS}.`,
            );
          });

          test("with writers at Node alone, and readers at both, nothing is lost", async () => {
            const first = site.visitor();
            await first.post("/cart", { product: "tea", quantity: 0 });
            const cookies = first.cookieHeader;
            const writers = ["coffee", "milk", "tea"].map(async (product) => {
              const visitor = shop.visitor(cookies);
              for (let round = 0; round < ROUNDS; round++) await visitor.post("/cart", { product });
            });
            const reader = (async () => {
              const visitor = site.visitor(cookies);
              for (let round = 0; round < ROUNDS; round++) await visitor.get("/cart");
            })();
            await Promise.all([...writers, reader]);
            expect(await shop.visitor(cookies).get("/cart")).toEqual({
              coffee: ROUNDS,
              milk: ROUNDS,
              tea: ROUNDS,
            });
          });
        });
      });
    });
  });
}

type Cart = Record<string, number>;
