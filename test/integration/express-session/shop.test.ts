import { createRequire } from "node:module";
import { RedisStore } from "connect-redis";
import session, { expressSessionStore } from "sojourn/integrations/express-session";
import { describe, expect, onTestFinished } from "vitest";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { Jar } from "../../support/cookie-jar.ts";
import { serve } from "../../support/serve.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { openCache } from "../cache/support.ts";
import { makeShop } from "./shop.mjs";

/** The middleware that the import line of the application had before. */
const before = createRequire(import.meta.url)("express-session") as unknown;

const KINDS = [
  { name: "express-session with connect-redis", middleware: before, isSafe: false, isOwnStore: false },
  { name: "Sojourn with connect-redis", middleware: session, isSafe: true, isOwnStore: false },
  { name: "Sojourn with a store of its own", middleware: session, isSafe: true, isOwnStore: true },
] as const;

async function openStore(server: RedisServer, { isOwnStore } = { isOwnStore: false }) {
  const client = await server.client();
  onTestFinished(() => client.destroy());
  await client.flushAll();
  const store = isOwnStore
    ? expressSessionStore(openCache(server), { prefix: "sess:" })
    : new RedisStore({ client: client as never });
  return { client, store, records: async () => (await client.keys("*sess:*")).filter(isRecord) };
}

const SESSION_COOKIE: unknown = expect.stringMatching(/^connect\.sid=/);

const isRecord = (key: string): boolean => !key.includes("replaced:");

describeWithRedis("an application with express-session, connect-redis, Passport and connect-flash", () => {
  describe.each(KINDS)("on $name", ({ middleware, ...kind }) => {
    test("logs in and out, keeps the cart, and flashes a message once", async ({ server }) => {
      const { store } = await openStore(server, kind);
      const origin = await serve(makeShop(middleware, store));
      const visitor = new Jar();
      await visitor.post(origin, "/cart/tea");
      const first = visitor.header;
      expect(await visitor.logIn(origin, "eve")).toMatchObject({ status: 302 });
      expect(await visitor.home(origin)).toStrictEqual({ cart: { tea: 1 }, flash: ["No such user."] });
      expect(await visitor.home(origin)).toMatchObject({ flash: [] });
      expect(await visitor.logIn(origin)).toMatchObject({ status: 200, body: "in" });
      expect(visitor.header).not.toBe(first);
      expect(await visitor.home(origin)).toStrictEqual({ user: "ann", cart: { tea: 1 }, flash: [] });
      await visitor.post(origin, "/logout");
      expect(await visitor.home(origin)).toStrictEqual({ cart: {}, flash: [] });
    });
  });

  describe("what was lost before", () => {
    test.for(KINDS)("20 parallel writes: $name", async ({ middleware, ...kind }, { server }) => {
      const { store } = await openStore(server, kind);
      const origin = await serve(makeShop(middleware, store));
      const visitor = new Jar();
      await visitor.logIn(origin);
      const items = Array.from({ length: 20 }, (_, item) => `item${item}`);
      await Promise.all(items.map((item) => visitor.copy().post(origin, `/slow/${item}?ms=200`)));
      const { cart } = (await visitor.home(origin)) as { cart: object };
      expect(Object.keys(cart).length === 20).toBe(kind.isSafe);
    });

    test.for(KINDS)(
      "a slow write brings no ended session back: $name",
      async ({ middleware, ...kind }, { server }) => {
        const { store, records } = await openStore(server, kind);
        const origin = await serve(makeShop(middleware, store));
        const visitor = new Jar();
        await visitor.logIn(origin);
        const slow = visitor.copy().post(origin, "/slow/tea?ms=300");
        await expect.poll(async () => (await visitor.post(origin, "/forget")).body).toBe("gone");
        const late = await slow;
        const isBack = (await records()).length > 0;
        const [status, body] = kind.isSafe ? [400, "ERR_SESSION_INTERRUPTED"] : [200, "added"];
        expect({ ...late, isBack }).toMatchObject({ status, body, isBack: !kind.isSafe });
      },
    );

    test.for(KINDS)("no cookie without a record: $name", async ({ middleware, ...kind }, { server }) => {
      const { store, client } = await openStore(server, kind);
      const origin = await serve(makeShop(middleware, store));
      await client.configSet("maxmemory", "1");
      onTestFinished(async () => void (await client.configSet("maxmemory", "0")));
      const page = await new Jar().post(origin, "/cart/tea");
      const [status, setCookie] = kind.isSafe ? [500, []] : [200, [SESSION_COOKIE]];
      expect(page).toMatchObject({ status, setCookie });
    });

    test.for(KINDS)(
      "a late request takes no login away: $name",
      async ({ middleware, isSafe, ...kind }, { server }) => {
        const { store } = await openStore(server, kind);
        const [origin, other] = [
          await serve(makeShop(middleware, store)),
          await serve(makeShop(middleware, store)),
        ];
        const visitor = new Jar();
        await visitor.post(origin, "/cart/tea");
        const late = visitor.copy();
        await visitor.logIn(origin);
        const read = await late.copy().get(other);
        const write = await late.copy().post(other, "/view");
        // connect-flash has begun a session for what is an old page of a visitor who is logged in.
        expect(read).toMatchObject({ status: 200, setCookie: isSafe ? [] : [SESSION_COOKIE] });
        expect(write).toMatchObject({
          status: isSafe ? 400 : 200,
          setCookie: isSafe ? [] : [SESSION_COOKIE],
        });
        // A visitor whose login's response got lost logs in again.
        expect(await late.logIn(other)).toMatchObject({ status: 200, body: "in" });
        expect(await late.home(other)).toMatchObject({ user: "ann" });
      },
    );
  });

  test("a rolling restart to Sojourn and back: no visitor notices, and no write is lost", async ({
    server,
  }) => {
    const { store } = await openStore(server);
    const [old, ours] = [() => serve(makeShop(before, store)), () => serve(makeShop(session, store))];
    const servers = [await old(), await old()];
    let isOver = false;
    const visit = async (number: number): Promise<number> => {
      const visitor = new Jar();
      await visitor.logIn(servers[0] ?? "");
      let visits = 0;
      while (!isOver) {
        const origin = servers[(visits + number) % 2] ?? "";
        expect(await visitor.post(origin, `/cart/item${visits++}`)).toMatchObject({ status: 200 });
        const page = (await visitor.home(servers[visits % 2] ?? "")) as { user: string; cart: object };
        expect(page.user).toBe("ann");
        expect(Object.keys(page.cart)).toHaveLength(visits);
      }
      return visits;
    };
    const visitors = Array.from({ length: 8 }, (_, number) => visit(number));
    for (const start of [ours, ours, old, old]) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      servers.shift();
      servers.push(await start());
    }
    isOver = true;
    const visits = await Promise.all(visitors);
    expect(Math.min(...visits)).toBeGreaterThan(4);
  });
});
