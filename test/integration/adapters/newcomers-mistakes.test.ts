import express from "express";
import { createSojourn } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { describe, expect, test } from "vitest";
import { serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { TestServer } from "./support/http.ts";
import { type Anything, BASE, errorOf, expectTold, inMemory, withCookie } from "./support/newcomer.ts";

describe("what is right, though it looks like a mistake", () => {
  test('"14 days", undefined in data, localhost over http', async () => {
    expect(withCookie({ age: "14 days" })).not.toThrow();
    const { sessions } = inMemory();
    const session = await sessions.create({ a: 1, b: undefined });
    expect((await sessions.open(session.cookieHeader)).data).toStrictEqual({ a: 1 });
  });

  test("a login that is not awaited still sends its cookie", async () => {
    const { sessions } = inMemory();
    const app = express();
    app.use(expressSessions(sessions), async (request, response) => {
      void (await sessions.from(request)).login(42);
      response.send("welcome");
    });
    const server = await TestServer.start(app);
    const reply = await server.get("/");
    const cookie = (reply.headers["set-cookie"] ?? [])[0]?.split(";")[0];
    expect((await sessions.open(cookie)).userId).toBe("42");
  });
});

describeWithRedis("with servers: an error of the store", () => {
  const onRedis = (redis: Anything) => createSojourn({ ...BASE, redis: redis as never }).sessions;

  test("that does not run, that wants a password, that gets a wrong one, that speaks no TLS", async () => {
    const server = await serverForTest({ password: "secret-of-redis" });
    const { port } = server;
    const cases: [Anything, string][] = [
      [{ default: { host: "127.0.0.1", port: 1 } }, "ECONNREFUSED"],
      [{ default: { host: "127.0.0.1", port } }, "NOAUTH. The server requires a password."],
      [
        { default: { host: "127.0.0.1", port, password: "wrong" } },
        "WRONGPASS. Check `username` and `password`",
      ],
      [{ default: `rediss://127.0.0.1:${port}` }, 'Redis connection "default"'],
    ];
    for (const [redis, message] of cases) expectTold(await errorOf(() => onRedis(redis).ping()), message);
  });
});
