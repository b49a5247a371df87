import { createRequire } from "node:module";
import { describe, expect } from "vitest";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { makeShop } from "../express-session/shop.mjs";
import { serve } from "../../support/serve.ts";
import { Jar } from "../../support/cookie-jar.ts";
import { openEarlier, serveShop } from "./support.ts";

const before = createRequire(import.meta.url)("express-session") as unknown;

/** A visitor with a cart, who is logged in on express-session, connect-redis and Passport. */
async function openVisitor(server: RedisServer) {
  const earlier = await openEarlier(server);
  const old = await serve(makeShop(before, earlier.store));
  const visitor = new Jar();
  await visitor.logIn(old);
  await visitor.post(old, "/cart/tea");
  return { ...earlier, old, visitor };
}

describeWithRedis("a site that changes from express-session and connect-redis to Sojourn", () => {
  test("nobody is logged out: cart and user are kept, and the cookies change", async ({ server }) => {
    const { visitor, records } = await openVisitor(server);
    const { origin, sessions } = await serveShop(server);
    const events: unknown[] = [];
    sessions.on("takenOver", (event) => events.push(event));
    const page = await visitor.get(origin);
    expect(JSON.parse(page.body)).toMatchObject({ user: "ann", cart: { tea: 1 } });
    expect([...visitor.cookies.keys()]).toStrictEqual(["sessionid"]);
    expect(await records()).toStrictEqual([]);
    expect(events).toStrictEqual([{ session: expect.any(String) as string, from: "express-session" }]);
    await visitor.post(origin, "/cart/milk");
    expect(await visitor.home(origin)).toMatchObject({ user: "ann", cart: { tea: 1, milk: 1 } });
    expect((await sessions.pageOfUser("ann")).sessions).toHaveLength(1);
  });

  test("20 parallel first requests end in one session, and no change is lost", async ({ server }) => {
    const { visitor, client } = await openVisitor(server);
    const [one, two] = [await serveShop(server), await serveShop(server)];
    const jars = Array.from({ length: 20 }, () => visitor.copy());
    await Promise.all(jars.map((jar, n) => jar.post((n % 2 ? one : two).origin, `/slow/item${n}?ms=100`)));
    expect(new Set(jars.map(({ header }) => header)).size).toBe(1);
    const { cart } = (await new Jar(jars[0]?.cookies).home(one.origin)) as { cart: object };
    expect(Object.keys(cart)).toHaveLength(21);
    expect(await client.keys("shop:session:*")).toHaveLength(1);
    expect((await one.sessions.pageOfUser("ann")).sessions).toHaveLength(1);
  });

  test("a take-over makes no other session of the user make room, and counts afterwards", async ({
    server,
  }) => {
    const { visitor, old } = await openVisitor(server);
    const phone = new Jar();
    await phone.logIn(old);
    const shop = await serveShop(server, { sessions: { maxPerUser: 2, cookie: { secure: "auto" } } });
    const jars = Array.from({ length: 8 }, () => visitor.copy());
    await phone.get(shop.origin);
    await Promise.all(jars.map((jar) => jar.get(shop.origin)));
    expect(await phone.home(shop.origin)).toMatchObject({ user: "ann" });
    expect(await jars[0]?.home(shop.origin)).toMatchObject({ user: "ann" });
    const third = new Jar();
    await third.logIn(shop.origin);
    expect((await shop.sessions.pageOfUser("ann")).sessions).toHaveLength(2);
  });

  test("a request without the new cookie finds the session by the earlier one", async ({ server }) => {
    const { visitor } = await openVisitor(server);
    const { origin } = await serveShop(server);
    const lost = visitor.copy();
    await visitor.post(origin, "/cart/milk");
    expect(await lost.home(origin)).toMatchObject({ user: "ann", cart: { tea: 1, milk: 1 } });
    expect(lost.header).toBe(visitor.header);
  });

  describe("the earlier cookie gives nothing any more", () => {
    test("after a logout", async ({ server }) => {
      const { visitor } = await openVisitor(server);
      const { origin } = await serveShop(server);
      const copy = visitor.copy();
      await visitor.get(origin);
      await visitor.post(origin, "/logout");
      expect(visitor.header).toBe("");
      expect(await copy.home(origin)).toStrictEqual({ cart: {} });
    });

    test("after a logout by the first request, with the earlier cookie alone", async ({ server }) => {
      const { visitor, records } = await openVisitor(server);
      const { origin } = await serveShop(server);
      const copy = visitor.copy();
      await visitor.post(origin, "/logout");
      expect([visitor.header, await records()]).toStrictEqual(["", []]);
      expect(await copy.home(origin)).toStrictEqual({ cart: {} });
    });

    test("after a login under another key", async ({ server }) => {
      const { visitor } = await openVisitor(server);
      const { origin } = await serveShop(server);
      const copy = visitor.copy();
      await visitor.logIn(origin, "eve");
      expect(await visitor.home(origin)).toMatchObject({ user: "eve" });
      expect(await copy.home(origin)).toStrictEqual({ cart: {} });
    });

    test("after sessions.revokeUser(), though an old server brings the record back", async ({ server }) => {
      const { visitor, client, records } = await openVisitor(server);
      const [key = ""] = await records();
      const record = (await client.get(key)) ?? "";
      const { origin, sessions } = await serveShop(server);
      const copy = visitor.copy();
      await visitor.get(origin);
      expect(await sessions.revokeUser("ann")).toBe(1);
      await client.set(key, record);
      expect(await copy.home(origin)).toStrictEqual({ cart: {} });
    });
  });

  test("several secrets: an earlier one still verifies; another one does not", async ({ server }) => {
    const { visitor } = await openVisitor(server);
    const { expressSessionSource } = await import("sojourn/integrations/express-session");
    const other = await serveShop(server, { from: expressSessionSource({ secret: "another" }) });
    const events: unknown[] = [];
    other.sessions.on("notTakenOver", (event) => events.push(event));
    expect(await visitor.home(other.origin)).toStrictEqual({ cart: {} });
    expect(await visitor.home(other.origin)).toStrictEqual({ cart: {} });
    expect(events).toStrictEqual([{ from: "express-session", reason: "bad-signature" }]);
    const both = await serveShop(server, { from: expressSessionSource({ secret: ["new", "keyboard cat"] }) });
    expect(await visitor.home(both.origin)).toMatchObject({ user: "ann" });
  });
});
