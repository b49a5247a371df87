import cookiePlugin, { Signer } from "@fastify/cookie";
import fastifySession from "@fastify/session";
import fastify from "fastify";
import Koa, { type Context } from "koa";
import koaSession from "koa-session";
import { fastifySessionSource } from "sojourn/integrations/fastify-session";
import { koaSessionSource } from "sojourn/integrations/koa-session";
import { describe, expect, onTestFinished } from "vitest";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { serve } from "../../support/serve.ts";
import { Jar } from "../../support/cookie-jar.ts";
import { openEarlier, openSessions, serveShop } from "./support.ts";

const SECRET = "a secret with a length of 32 or more";

type Data = Record<string, any>;
type Earlier = Awaited<ReturnType<typeof openEarlier>>;

/** Answers as both sites do, on the session in the form of their library. */
function answer(path: string, session: Data): unknown {
  const item = path.split("/cart/")[1];
  if (item !== undefined) session["cart"] = { ...session["cart"], [item]: 1 };
  if (path === "/login") session["passport"] = { user: "ann" };
  return { user: session["passport"]?.user as unknown, cart: (session["cart"] ?? {}) as unknown };
}

async function serveFastify({ store }: Earlier, options: Data = {}): Promise<string> {
  const app = fastify();
  onTestFinished(() => app.close());
  await app.register(cookiePlugin);
  const cookie = { secure: false, maxAge: 600_000 };
  await app.register(fastifySession, { secret: SECRET, store, cookie, ...options });
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.all("/*", async (request, reply) => {
    if (request.url === "/logout") await request.session.destroy();
    reply.send(request.url === "/logout" ? {} : answer(request.url, request.session));
    return reply;
  });
  return app.listen({ host: "127.0.0.1", port: 0 });
}

async function serveKoa({ client }: Earlier, options: Data = {}): Promise<string> {
  const app = new Koa();
  app.keys = ["new key", "old key"];
  const store = {
    get: async (key: string) => JSON.parse((await client.get(`koa:${key}`)) ?? "null") as unknown,
    set: async (key: string, data: object, maxAge: number) =>
      void (await client.set(`koa:${key}`, JSON.stringify(data), {
        expiration: { type: "PX", value: maxAge },
      })),
    destroy: async (key: string) => void (await client.del(`koa:${key}`)),
  };
  app.use(koaSession({ store, maxAge: 600_000, ...options }, app));
  app.use((context: Context) => {
    if (context.path === "/logout") context["session"] = null;
    context.body = context.path === "/logout" ? {} : answer(context.path, context["session"] as Data);
  });
  const handle = app.callback();
  return serve((request, response) => void handle(request, response));
}

const signer = new Signer(SECRET, "sha512");

const KINDS = [
  {
    name: "@fastify/session",
    start: serveFastify,
    from: fastifySessionSource({ secret: ["a new secret", SECRET] }),
    follows: fastifySessionSource({ secret: SECRET }),
    cookies: ["sessionId"],
    keys: "sess:*",
  },
  {
    name: "@fastify/session with a signer and a prefix",
    start: (earlier: Earlier) =>
      serveFastify(earlier, { secret: signer, cookiePrefix: "s:", cookieName: "sid" }),
    from: fastifySessionSource({
      secret: SECRET,
      algorithm: "sha512",
      cookiePrefix: "s:",
      cookieName: "sid",
    }),
    follows: fastifySessionSource({ secret: signer, cookiePrefix: "s:", cookieName: "sid" }),
    cookies: ["sid"],
    keys: "sess:*",
  },
  {
    name: "koa-session",
    start: serveKoa,
    from: koaSessionSource({ keys: ["newest key", "new key"], prefix: "koa:" }),
    follows: koaSessionSource({ keys: ["new key", "old key"], prefix: "koa:" }),
    cookies: ["koa.sess", "koa.sess.sig"],
    keys: "koa:*",
  },
] as const;

describeWithRedis("a site that changes to Sojourn from", () => {
  describe.each(KINDS)("$name", ({ start, from, follows, cookies, keys, name }) => {
    const open = async (server: RedisServer) => {
      const earlier = await openEarlier(server);
      const old = await start(earlier);
      const visitor = new Jar();
      await visitor.post(old, "/login");
      await visitor.post(old, "/cart/tea");
      return { ...earlier, old, visitor };
    };

    test("nobody is logged out: cart and user are kept, and the cookies change", async ({ server }) => {
      const { visitor, client } = await open(server);
      expect([...visitor.cookies.keys()]).toStrictEqual(cookies);
      const { origin, sessions } = await serveShop(server, { from });
      const events: unknown[] = [];
      sessions.on("takenOver", (event) => events.push(event));
      const jars = Array.from({ length: 8 }, () => visitor.copy());
      await Promise.all(jars.map((jar, n) => jar.post(origin, `/slow/item${n}`)));
      const page = (await new Jar(jars[0]?.cookies).home(origin)) as { user: string; cart: object };
      expect([page.user, Object.keys(page.cart).length]).toStrictEqual(["ann", 9]);
      expect(new Set(jars.map(({ header }) => header)).size).toBe(1);
      expect([...(jars[0]?.cookies.keys() ?? [])]).toStrictEqual(["sessionid"]);
      expect([await client.keys(keys), events]).toMatchObject([[], [{ from: name.split(" ")[0] }]]);
    });

    test("all at once: their cookies find them", async ({ server }) => {
      const { visitor, old } = await open(server);
      await new Jar().post(old, "/cart/tea");
      const sessions = openSessions(server, { from });
      expect(await sessions.takeOverAll()).toMatchObject({ moved: 2, unreadable: 0 });
      const session = await sessions.open(visitor.header);
      expect(session).toMatchObject({ userId: "ann", data: { cart: { tea: 1 } } });
      expect(Object.keys(session.data).toSorted()).toStrictEqual(["_auth_user_id", "cart", "passport"]);
    });

    test("before anything is moved, both serve the same visitors", async ({ server }) => {
      const { visitor, old } = await open(server);
      const { origin } = await serveShop(server, { from: follows, moves: false });
      await visitor.post(origin, "/cart/milk");
      await visitor.post(old, "/cart/rice");
      for (const site of [old, origin])
        expect(await visitor.home(site)).toMatchObject({ user: "ann", cart: { tea: 1, milk: 1, rice: 1 } });
      expect([...visitor.cookies.keys()].toSorted()).toStrictEqual(cookies);
      const other = new Jar();
      await other.post(origin, "/cart/tea");
      await other.logIn(origin);
      expect(await other.home(old)).toMatchObject({ user: "ann", cart: { tea: 1 } });
      const copy = visitor.copy();
      await visitor.post(origin, "/logout");
      expect(visitor.header).toBe("");
      expect(await copy.home(origin)).toStrictEqual({ cart: {} });
      expect(await copy.home(old)).toStrictEqual({ cart: {} });
    });

    test("a tampered cookie gives no session", async ({ server }) => {
      const { visitor } = await open(server);
      const sessions = openSessions(server, { from });
      const events: unknown[] = [];
      sessions.on("notTakenOver", ({ reason }) => events.push(reason));
      for (const header of [visitor.header.replace(/.$/, "_"), visitor.header.replace(/=(s%3A)?./, "=$1_")])
        expect((await sessions.open(header)).isNew).toBe(true);
      expect(events).toContain("bad-signature");
    });
  });

  test("koa-session without a signature", async ({ server }) => {
    const earlier = await openEarlier(server);
    const old = await serveKoa(earlier, { signed: false, prefix: "shop:" });
    const visitor = new Jar();
    await visitor.post(old, "/login");
    const from = koaSessionSource({ keys: "unused", signed: false, prefix: "koa:", idPrefix: "shop:" });
    const sessions = openSessions(server, { from });
    expect(await sessions.takeOverAll({ dryRun: true })).toMatchObject({ moved: 1 });
    expect((await sessions.open(visitor.header)).userId).toBe("ann");
  });

  test("a record that states an end in the past gives no session", async ({ server }) => {
    const { client } = await openEarlier(server);
    const id = "0f3e5a4e-7d0e-4a0c-9d6c-0f4f3c2b1a00";
    await client.set(`koa:${id}`, JSON.stringify({ _expire: 1, _maxAge: 1000, a: 1 }));
    const sessions = openSessions(server, {
      from: koaSessionSource({ keys: "k", signed: false, prefix: "koa:" }),
    });
    expect((await sessions.open(`koa.sess=${id}`)).isNew).toBe(true);
    expect(await sessions.takeOverAll()).toMatchObject({ moved: 0, expired: 1 });
  });
});
