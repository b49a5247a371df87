import { Readable } from "node:stream";
import Koa from "koa";
import { describe, expect, test } from "vitest";
import { koaSessions } from "sojourn/adapters/koa";
import { TestServer, turns } from "./support/http.ts";
import { openSessions } from "./support/stores.ts";
import { saveError, StubSessions } from "./support/stub-sessions.ts";

const COOKIE = "sessionid=new; Path=/; HttpOnly";

function makeApp({ proxy } = { proxy: false }): Koa {
  const app = new Koa({ proxy });
  app.silent = true;
  return app;
}

function start(app: Koa): Promise<TestServer> {
  const listener = app.callback();
  return TestServer.start((request, response) => void listener(request, response));
}

function failing(error = saveError()): StubSessions {
  const sessions = new StubSessions();
  sessions.save = ({ headersSent }) => (headersSent ? undefined : failSoon(error));
  return sessions;
}

async function failSoon(error: Error): Promise<never> {
  await turns(2);
  throw error;
}

describe("a failed save", () => {
  test("is an error for the middleware before, on a clean response with the status of the error", async () => {
    const [app, sessions, errors] = [makeApp(), failing(saveError(503)), [] as unknown[]];
    app.use(async (ctx, next) => {
      try {
        await next();
      } catch (error) {
        errors.push(error, ctx.status, ctx.body);
        ctx.body = "sorry";
      }
    });
    app.use(koaSessions(sessions));
    app.use((ctx) => {
      sessions.use(ctx);
      ctx.set("ETag", '"page"');
      ctx.redirect("/next");
    });
    const reply = await (await start(app)).get();
    expect(reply).toMatchObject({ status: 503, body: "sorry" });
    expect(reply.headers).not.toHaveProperty("location");
    expect(reply.headers).not.toHaveProperty("etag");
    expect(errors).toEqual([expect.objectContaining({ statusCode: 503 }), 503, undefined]);
  });

  test("goes to ctx.onerror where no middleware catches it", async () => {
    const [app, sessions, errors] = [makeApp(), failing(saveError(503)), [] as unknown[]];
    app.on("error", (error) => errors.push(error));
    app.use(koaSessions(sessions));
    app.use((ctx) => {
      sessions.use(ctx);
      ctx.body = "page";
    });
    expect(await (await start(app)).get()).toMatchObject({ status: 503, body: "Service Unavailable" });
    expect(errors).toMatchObject([{ message: "the store is down: secret detail" }]);
  });

  test("destroys the stream that is not sent", async () => {
    const [app, sessions, stream] = [makeApp(), failing(), new Readable({ read() {} })];
    app.use(koaSessions(sessions));
    app.use((ctx) => {
      sessions.use(ctx);
      ctx.body = stream;
    });
    expect((await (await start(app)).get()).status).toBe(500);
    expect(stream.destroyed).toBe(true);
  });

  test("cancels the web response that is not sent", async () => {
    const [app, sessions] = [makeApp(), failing()];
    let isCancelled = false;
    const cancel = (): void => {
      isCancelled = true;
    };
    app.use(koaSessions(sessions));
    app.use((ctx) => {
      sessions.use(ctx);
      ctx.body = new Response(new ReadableStream({ cancel }));
    });
    expect((await (await start(app)).get()).status).toBe(500);
    expect(isCancelled).toBe(true);
  });

  test("of a response past Koa goes to ctx.onerror", async () => {
    const [app, sessions] = [makeApp(), failing()];
    app.use(koaSessions(sessions));
    app.use((ctx) => {
      sessions.use(ctx);
      ctx.respond = false;
      ctx.res.writeHead(200, { "Content-Type": "text/html" }).end("raw page");
    });
    expect(await (await start(app)).get()).toMatchObject({ status: 500, body: "Internal Server Error" });
  });

  test("of a session that middleware before has used afterwards goes to ctx.onerror", async () => {
    const [app, sessions] = [makeApp(), failing()];
    app.use(async (ctx, next) => {
      await next();
      sessions.use(ctx);
    });
    app.use(koaSessions(sessions));
    app.use((ctx) => {
      ctx.body = "page";
    });
    expect(await (await start(app)).get()).toMatchObject({ status: 500, body: "Internal Server Error" });
  });
});

describe("ctx.session()", () => {
  const sessionOf = (ctx: object): unknown => (ctx as { session?: () => unknown }).session?.();

  test("is the session, and no property of the context", async () => {
    const [app, { sessions }, seen] = [makeApp(), openSessions(), [] as unknown[]];
    app.use(koaSessions(sessions));
    app.use(async (ctx) => {
      const session = await sessions.from(ctx);
      seen.push(session === (await sessionOf(ctx)), session === (await sessions.from(ctx.req)));
      seen.push(session === (await sessions.from(ctx.request)), Object.hasOwn(ctx, "session"));
      ctx.body = "page";
    });
    expect((await (await start(app)).get()).status).toBe(200);
    expect(seen).toEqual([true, true, true, false]);
  });

  test("is of the sessions that were mounted first", async () => {
    const [app, first, second] = [makeApp(), new StubSessions(), new StubSessions()];
    app.use(koaSessions(first)).use(koaSessions(second));
    app.use(async (ctx) => {
      await sessionOf(ctx);
      ctx.body = [first.last.isUsed, second.last.isUsed];
    });
    expect((await (await start(app)).get()).body).toBe("[true,false]");
  });

  test("is left alone when another library has set it", async () => {
    const [app, sessions] = [makeApp(), new StubSessions()];
    Object.assign(app.context, { session: () => "theirs" });
    app.use(koaSessions(sessions));
    app.use((ctx) => {
      ctx.body = sessionOf(ctx);
    });
    expect((await (await start(app)).get()).body).toBe("theirs");
  });
});

test("without a mount, sessions.from(ctx) says what to do", async () => {
  const [app, { sessions }] = [makeApp(), openSessions()];
  app.use(async (ctx) => {
    await expect(sessions.from(ctx)).rejects.toThrow("that no adapter has seen");
    ctx.body = "page";
  });
  expect((await (await start(app)).get()).body).toBe("page");
});

test("mounted twice: one session, saved before the head", async () => {
  const [app, sessions] = [makeApp(), new StubSessions()];
  app.use(koaSessions(sessions)).use(koaSessions(sessions, { eager: true }));
  app.use((ctx) => {
    ctx.body = ctx.state["session"];
  });
  const reply = await (await start(app)).get();
  expect(reply).toMatchObject({ status: 200, body: '{"marker":"session"}' });
  expect(reply.headers["set-cookie"]).toEqual([COOKIE]);
  expect(sessions.scopes).toHaveLength(1);
});

test.each([
  [false, false, "127.0.0.1"],
  [true, true, "shop.example"],
])("the scope hears of TLS and host what `proxy` (%s) lets it", async (proxy, isSecure, host) => {
  const [app, sessions] = [makeApp({ proxy }), new StubSessions()];
  app.use(koaSessions(sessions));
  app.use((ctx) => {
    const { facts } = sessions.last;
    ctx.body = [facts.isSecure(), facts.host()?.replace(/:\d+$/, ""), facts.cookieHeader];
  });
  const headers = { Cookie: "a=1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example" };
  const { body } = await (await start(app)).get("/", { headers });
  expect(JSON.parse(body)).toEqual([isSecure, host, "a=1"]);
});
