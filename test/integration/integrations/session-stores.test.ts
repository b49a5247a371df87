import cookiePlugin from "@fastify/cookie";
import fastifySession from "@fastify/session";
import fastify from "fastify";
import Koa, { type Context } from "koa";
import koaSession from "koa-session";
import { CacheUsageError, ImproperlyConfigured } from "sojourn";
import { expressSessionSource } from "sojourn/integrations/express-session";
import { fastifySessionSource, fastifySessionStore } from "sojourn/integrations/fastify-session";
import { koaSessionSource, koaSessionStore } from "sojourn/integrations/koa-session";
import { describe, expect, onTestFinished, test } from "vitest";
import { serve } from "../../support/serve.ts";
import { Jar } from "../../support/cookie-jar.ts";
import { describeOnEngines, openUnreachable } from "./support.ts";

interface Data {
  views?: number;
}

async function serveKoa(store: ReturnType<typeof koaSessionStore>, options: object = {}): Promise<string> {
  const app = new Koa();
  app.silent = true;
  app.keys = ["a key of the tests"];
  app.use(koaSession({ store, ...options }, app));
  app.use((context: Context) => {
    if (context.path === "/logout") context["session"] = null;
    const data = (context["session"] ?? {}) as Data;
    data.views = (data.views ?? 0) + 1;
    context.body = String(data.views);
  });
  const handle = app.callback();
  return serve((request, response) => void handle(request, response));
}

describeOnEngines("koa-session", (open) => {
  test("keeps a session, regenerates none by itself, and ends it", async () => {
    const cache = open();
    const origin = await serveKoa(koaSessionStore(cache));
    const visitor = new Jar();
    for (const views of ["1", "2", "3"]) expect(await visitor.get(origin)).toMatchObject({ body: views });
    const copy = visitor.copy();
    await visitor.get(origin, "/logout");
    expect(await copy.get(origin)).toMatchObject({ body: "1" });
  });

  test.for([
    ["a number of milliseconds", { maxAge: 600_000 }, 610],
    ["the browser's", { maxAge: "session" }, 86_400],
  ] as const)("the life of a session, %s, is that of its record", async ([, options, seconds]) => {
    const cache = open();
    const origin = await serveKoa(koaSessionStore(cache, { prefix: "k:" }), options);
    await new Jar().get(origin);
    const [key = ""] = await keysOf(cache.iterKeys("k:*"));
    expect(await cache.ttl(key)).toBeGreaterThan(seconds - 10);
    expect(await cache.ttl(key)).toBeLessThanOrEqual(seconds);
  });
});

describeOnEngines("@fastify/session", (open) => {
  test("keeps a session, gives it a new id, and ends it", async () => {
    const app = fastify();
    onTestFinished(() => app.close());
    await app.register(cookiePlugin);
    const secret = "a secret with a length of 32 or more";
    const store = fastifySessionStore(open(), { prefix: "f:" });
    await app.register(fastifySession, { secret, store, cookie: { secure: false } });
    app.get("/*", async (request, reply) => {
      if (request.url === "/new") await request.session.regenerate(["views"]);
      if (request.url === "/logout") await request.session.destroy();
      const data = (request.session ?? {}) as Data;
      data.views = (data.views ?? 0) + 1;
      reply.send(String(data.views));
      return reply;
    });
    const origin = await app.listen({ host: "127.0.0.1", port: 0 });
    const visitor = new Jar();
    for (const [path, views] of [
      ["/", "1"],
      ["/", "2"],
      ["/new", "3"],
      ["/", "4"],
    ] as const)
      expect(await visitor.get(origin, path)).toMatchObject({ body: views });
    const copy = visitor.copy();
    await visitor.get(origin, "/logout");
    expect(await copy.get(origin)).toMatchObject({ body: "1" });
  });
});

async function keysOf(keys: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const key of keys) all.push(key);
  return all;
}

describe("wrong calls are told", () => {
  test.for([koaSessionStore, fastifySessionStore] as const)("%o", async (make) => {
    expect(() => make(undefined as never)).toThrow(CacheUsageError);
    expect(() => make(undefined as never)).toThrow(`${make.name}() expected a cache`);
    const cache = await openUnreachable();
    expect(() => make(cache, { ttl: 1 } as never)).toThrow(ImproperlyConfigured);
  });

  test.for([
    [
      () => expressSessionSource({} as never),
      "expressSessionSource.secret: expected a secret text, or several",
    ],
    [() => expressSessionSource({ secret: [] }), "expressSessionSource.secret: expected a secret text"],
    [() => expressSessionSource({ secret: "s", prefx: "a" } as never), 'did you mean "prefix"?'],
    [() => fastifySessionSource({ secret: "s", algorithm: "md99" }), 'the name of a hash, such as "sha256"'],
    [() => fastifySessionSource({ secret: {} } as never), "an object with sign() and unsign()"],
    [() => koaSessionSource({} as never), "koaSessionSource.keys: expected app.keys"],
    [
      () => koaSessionSource({ keys: "k", userOf: 1 } as never),
      "koaSessionSource.userOf: expected a function",
    ],
  ] as const)("%#: %s", ([call, message]) => {
    expect(call).toThrow(ImproperlyConfigured);
    expect(call).toThrow(message);
  });

  test("a store that is away is an error of the request", async () => {
    const origin = await serveKoa(koaSessionStore(await openUnreachable()));
    expect(await new Jar().get(origin)).toMatchObject({ status: 500 });
  });
});
