import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished } from "vitest";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { makeApp } from "./development-and-tests/app.ts";
import { openSojourn } from "./development-and-tests/settings.ts";

/** The application as one start of it runs, under an environment. */
async function start(env: NodeJS.ProcessEnv) {
  const { sessions, close } = openSojourn(env);
  const server = makeApp(sessions).listen(0);
  await once(server, "listening");
  const stop = async () => {
    server.close();
    await close();
  };
  onTestFinished(stop);
  const { port } = server.address() as AddressInfo;
  return { url: `http://localhost:${port}`, storeName: sessions.storeName, stop };
}

async function add(url: string, product: string, cookie?: string) {
  const response = await fetch(`${url}/cart/${product}`, {
    method: "POST",
    headers: cookie === undefined ? {} : { cookie },
  });
  return { cart: await response.json(), cookie: response.headers.getSetCookie()[0]?.split(";")[0] ?? cookie };
}

describeWithRedis("one application, two environments", () => {
  test("with REDIS_URL the sessions are in Redis, and outlive a restart of the application", async ({
    server,
  }) => {
    const env = {
      NODE_ENV: "production",
      REDIS_URL: server.url,
      SECRET_KEY: "a key of this environment, as long as they are",
    };
    const first = await start(env);
    expect(first.storeName).toBe("redis");
    const { cookie } = await add(first.url, "tea");
    expect(await server.command("KEYS", "*")).toEqual([
      expect.stringMatching(/^myproject:session:[a-z0-9]{32}$/),
    ]);
    await first.stop();
    const second = await start(env);
    expect((await add(second.url, "tea", cookie)).cart).toEqual({ tea: 2 });
  });

  test("without it they are in memory, and the same requests have the same answers until the application ends", async () => {
    const first = await start({});
    expect(first.storeName).toBe("memory");
    const { cookie } = await add(first.url, "tea");
    expect((await add(first.url, "tea", cookie)).cart).toEqual({ tea: 2 });
    await first.stop();
    const second = await start({});
    expect((await add(second.url, "tea", cookie)).cart).toEqual({ tea: 1 });
  });
});

test("in production there is no silent way into memory", () => {
  expect(() => openSojourn({ NODE_ENV: "production" })).toThrow("Production needs REDIS_URL");
  expect(() => openSojourn({ NODE_ENV: "production", REDIS_URL: "redis://localhost" })).toThrow("SECRET_KEY");
});
