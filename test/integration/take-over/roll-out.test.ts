import { createRequire } from "node:module";
import { describe, expect } from "vitest";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { makeShop } from "../express-session/shop.mjs";
import { scaled } from "../../support/scale.ts";
import { serve } from "../../support/serve.ts";
import { Jar } from "../../support/cookie-jar.ts";
import { openEarlier, serveShop } from "./support.ts";

const before = createRequire(import.meta.url)("express-session") as unknown;

async function openBoth(server: RedisServer) {
  const earlier = await openEarlier(server);
  const old = await serve(makeShop(before, earlier.store));
  const { origin: ours, sessions } = await serveShop(server, { moves: false });
  return { ...earlier, old, ours, sessions, visitor: new Jar() };
}

describeWithRedis(
  "servers with express-session and with Sojourn at the same time, before anything is moved",
  () => {
    test("each sees the changes of the other, under one cookie", async ({ server }) => {
      const { visitor, old, ours, records } = await openBoth(server);
      await visitor.logIn(old);
      await visitor.post(old, "/cart/tea");
      await visitor.post(ours, "/cart/milk");
      await visitor.post(old, "/cart/rice");
      const cart = { tea: 1, milk: 1, rice: 1 };
      expect(await visitor.home(old)).toMatchObject({ user: "ann", cart });
      expect(await visitor.home(ours)).toMatchObject({ user: "ann", cart });
      expect([...visitor.cookies.keys()]).toStrictEqual(["connect.sid"]);
      expect(await records()).toHaveLength(1);
    });

    test("a new visitor of Sojourn's server, and a login there, count on the other one", async ({
      server,
    }) => {
      const { visitor, old, ours } = await openBoth(server);
      await visitor.post(ours, "/cart/tea");
      expect(await visitor.home(old)).toMatchObject({ cart: { tea: 1 } });
      const copy = visitor.copy();
      await visitor.logIn(ours);
      expect(await visitor.home(old)).toMatchObject({ user: "ann", cart: { tea: 1 } });
      expect(visitor.header).not.toBe(copy.header);
      expect(await copy.home(ours)).toStrictEqual({ cart: {} });
      expect(await copy.home(old)).not.toHaveProperty("user");
    });

    test("session.login() alone is a login of Passport", async ({ server }) => {
      const { sessions, old } = await openBoth(server);
      const session = await sessions.open(undefined);
      await expect(session.login("ann")).resolves.toBeUndefined();
      const jar = new Jar(
        new Map([(session.cookieHeader ?? "").split(/=(.*)/s).slice(0, 2) as [string, string]]),
      );
      expect(await jar.home(old)).toMatchObject({ user: "ann" });
    });

    test.for([
      ["old", "ours"],
      ["ours", "old"],
    ] as const)("a logout on %s ends the session on %s", async ([first, second], { server }) => {
      const { visitor, records, ...sites } = await openBoth(server);
      await visitor.logIn(sites.old);
      const copy = visitor.copy();
      await visitor.get(sites.ours);
      await visitor.post(sites[first], "/logout");
      const left = [visitor.header, await records()];
      expect(first === "ours" ? left : ["", []]).toStrictEqual(["", []]);
      expect(await copy.home(sites[second])).not.toHaveProperty("user");
    });

    test("20 parallel writes on Sojourn's servers are all kept", async ({ server }) => {
      const { visitor, ours, old } = await openBoth(server);
      const other = await serveShop(server, { moves: false });
      await visitor.logIn(old);
      await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          visitor.copy().post(n % 2 ? ours : other.origin, `/slow/item${n}`),
        ),
      );
      const { cart } = (await visitor.home(old)) as { cart: object };
      expect(Object.keys(cart)).toHaveLength(20);
    });

    test("the record keeps the life and the attributes of its own cookie", async ({ server }) => {
      const { client, store, ours } = await openBoth(server);
      const cookie = { maxAge: 600_000, sameSite: "strict" };
      const old = await serve(makeShop(before, store, { cookie }));
      const visitor = new Jar();
      await visitor.logIn(old);
      await visitor.post(ours, "/cart/tea");
      const [key = ""] = await client.keys("sess:*");
      const record = JSON.parse((await client.get(key)) ?? "") as { cookie: object };
      expect(record.cookie).toMatchObject({
        originalMaxAge: expect.closeTo(600_000, -2) as number,
        sameSite: "strict",
        path: "/",
      });
      expect(await client.ttl(key)).toBeLessThanOrEqual(600);
    });
  },
);

describeWithRedis("a change of libraries, server by server", () => {
  test("express-session, Sojourn, moving, and back to before: no visitor notices", async ({ server }) => {
    const { store, records } = await openEarlier(server);
    const old = () => serve(makeShop(before, store));
    const follow = async () => (await serveShop(server, { moves: false })).origin;
    const move = async () => (await serveShop(server)).origin;
    const servers = [await old(), await old()];
    let isOver = false;
    const visits = Array.from({ length: 6 }, () => 0);
    const visit = async (number: number): Promise<void> => {
      const visitor = new Jar();
      await visitor.logIn(servers[number % 2] ?? "");
      for (let count = 1; !isOver; count++) {
        const item = `/cart/item${count}`;
        expect(await visitor.post(servers[(count + number) % 2] ?? "", item)).toMatchObject({ status: 200 });
        const page = (await visitor.home(servers[count % 2] ?? "")) as { user: string; cart: object };
        expect([page.user, Object.keys(page.cart).length]).toStrictEqual(["ann", count]);
        visits[number] = count;
      }
    };
    const visitors = Promise.all(visits.map((_, number) => visit(number)));
    const eachVisits = (): Promise<void> => {
      const start = [...visits];
      const hasVisited = () => visits.every((count, number) => count > (start[number] ?? 0) + 1);
      return expect.poll(hasVisited, { timeout: 20_000, interval: 10 }).toBe(true);
    };
    for (const open of [follow, old, follow, follow, move, follow, move, move]) {
      servers.push(await open());
      servers.shift();
      await Promise.race([visitors, eachVisits()]);
    }
    isOver = true;
    await visitors;
    expect(await records()).toStrictEqual([]);
  });

  describe("a session that one server moves while another one writes to its record", () => {
    test("takes the change along, or refuses it", async ({ server }) => {
      for (let round = 0; round < scaled(5, 200); round++) {
        const { store } = await openEarlier(server);
        const old = await serve(makeShop(before, store));
        const [follow, move] = [await serveShop(server, { moves: false }), await serveShop(server)];
        const visitor = new Jar();
        await visitor.logIn(old);
        const writer = visitor.copy();
        const [written] = await Promise.all([
          writer.post(follow.origin, "/slow/tea?ms=3"),
          visitor.get(move.origin),
        ]);
        const { cart } = (await visitor.home(move.origin)) as { cart: object };
        expect([200, 400]).toContain(written.status);
        expect(cart).toStrictEqual(written.status === 200 ? { tea: 1 } : {});
      }
    });
  });
});
