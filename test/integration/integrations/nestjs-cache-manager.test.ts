import "reflect-metadata";
import {
  CACHE_MANAGER,
  type Cache as CacheManager,
  CacheInterceptor,
  CacheKey,
  CacheModule,
  type CacheModuleOptions,
  CacheTTL,
} from "@nestjs/cache-manager";
import { Controller, Delete, Get, Inject, Param, Post, UseInterceptors } from "@nestjs/common";
import { Keyv } from "keyv";
import { describe, expect, onTestFinished, test } from "vitest";

import type { Cache } from "../../../src/cache/index.ts";
import { keyvStore } from "../../../src/integrations/keyv/index.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { createNest, listen, PLATFORMS, type Platform } from "../adapters/support/nest.ts";
import { newPrefix, openCache } from "../cache/support.ts";
import { describeOnEngines, openUnreachable } from "./support.ts";

// So long that no test meets the end of one.
const HOUR = 3_600_000;

/** Calls of the handlers, in all applications of a test. */
const calls: string[] = [];

@Controller()
@UseInterceptors(CacheInterceptor)
class PageController {
  readonly #manager: CacheManager;

  constructor(@Inject(CACHE_MANAGER) manager: CacheManager) {
    this.#manager = manager;
  }

  @Get("pages/:name")
  page(@Param("name") name: string): { name: string; call: number } {
    return { name, call: calls.push(name) };
  }

  @Get("long")
  @CacheKey("long-page")
  @CacheTTL(2 * HOUR)
  long(): string {
    return `long ${calls.push("long")}`;
  }

  @Post("pages/:name")
  write(@Param("name") name: string): { name: string; call: number } {
    return { name, call: calls.push(`write ${name}`) };
  }

  @Delete("pages/:name")
  async forget(@Param("name") name: string): Promise<boolean> {
    return this.#manager.del(`/pages/${name}`);
  }
}

interface Served {
  readonly send: (path: string, method?: string) => Promise<{ cached: string | null; body: string }>;
  readonly manager: CacheManager;
}

async function serve(
  platform: Platform,
  stores: CacheModuleOptions["stores"],
  own: CacheModuleOptions = {},
): Promise<Served> {
  const options: CacheModuleOptions = { stores, ttl: HOUR, ...own };
  const app = await createNest(platform, {
    imports: [CacheModule.registerAsync({ useFactory: () => options })],
    controllers: [PageController],
  });
  onTestFinished(() => app.close());
  const port = await listen(app);
  const send: Served["send"] = async (path, method = "GET") => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    expect(response.status).toBeLessThan(300);
    return { cached: response.headers.get("x-cache"), body: await response.text() };
  };
  return { send, manager: app.get<CacheManager>(CACHE_MANAGER) };
}

const pagesIn = (cache: Cache): Keyv => new Keyv({ store: keyvStore(cache), namespace: "nest" });

/** Sends a request until its response comes from the cache: Nest stores it after it has answered. */
async function hit({ send }: Served, path: string): Promise<string> {
  let answer = await send(path);
  await expect.poll(async () => (answer = await send(path)).cached).toBe("HIT");
  return answer.body;
}

describe.each(PLATFORMS)("@nestjs/cache-manager beneath %s", (platform) => {
  describeOnEngines("with keyvStore", (open) => {
    test("the interceptor answers a second request from the cache, each path by itself", async () => {
      const served = await serve(platform, [pagesIn(open())]);
      const first = await served.send("/pages/apple");
      expect(first.cached).toBe("MISS");
      expect(await hit(served, "/pages/apple")).toBe(first.body);
      expect((await served.send("/pages/pear")).cached).toBe("MISS");
      expect((await served.send("/pages/apple", "POST")).cached).toBeNull();
    });

    test("@CacheTTL and @CacheKey are the time and the key of the entry, the module's ttl the rest's", async () => {
      const cache = open();
      const served = await serve(platform, [pagesIn(cache)]);
      await hit(served, "/long");
      await hit(served, "/pages/apple");
      const times = [await cache.pttl("nest:long-page"), await cache.pttl("nest:/pages/apple")];
      expect(times[0]).toBeGreaterThan(2 * HOUR - 60_000);
      expect(times[1]).toBeGreaterThan(HOUR - 60_000);
      expect(times[1]).toBeLessThanOrEqual(HOUR);
    });

    test("a handler deletes an entry, and clear() all of the namespace", async () => {
      const cache = open();
      const served = await serve(platform, [pagesIn(cache)]);
      await cache.set("mine", 1);
      await hit(served, "/pages/apple");
      expect((await served.send("/pages/apple", "DELETE")).body).toBe("true");
      expect((await served.send("/pages/apple")).cached).toBe("MISS");
      await hit(served, "/pages/apple");
      await served.manager.clear();
      expect(await cache.keys("*")).toEqual(["mine"]);
    });

    test("the manager that is injected has wrap, mget, mset, mdel and ttl", async () => {
      const { manager } = await serve(platform, [pagesIn(open())]);
      let loads = 0;
      const load = (): Promise<object> => manager.wrap("user", async () => ({ id: ++loads }), HOUR);
      expect([await load(), await load()]).toEqual([{ id: 1 }, { id: 1 }]);
      expect(await manager.ttl("user")).toBeGreaterThan(Date.now() + HOUR - 60_000);
      await manager.mset([
        { key: "a", value: 1, ttl: HOUR },
        { key: "b", value: null },
      ]);
      expect(await manager.mget(["a", "none", "user"])).toEqual([1, undefined, { id: 1 }]);
      await manager.mdel(["a", "user"]);
      expect(await manager.mget(["a", "user"])).toEqual([undefined, undefined]);
    });

    test("the module makes a Keyv of an adapter, with its own namespace and time", async () => {
      const cache = open();
      const served = await serve(platform, keyvStore(cache), { namespace: "own" });
      await cache.set("mine", 1);
      await hit(served, "/pages/apple");
      expect(await cache.pttl("own:/pages/apple")).toBeGreaterThan(HOUR - 60_000);
      await served.manager.clear();
      expect(await cache.keys("*")).toEqual(["mine"]);
    });
  });

  test("a cache that fails breaks no page: the handlers answer", async () => {
    const errors: unknown[] = [];
    const keyv = pagesIn(await openUnreachable());
    keyv.on("error", (error) => errors.push(error));
    const { send } = await serve(platform, [keyv]);
    const bodies = [(await send("/pages/apple")).body, (await send("/pages/apple")).body];
    expect(new Set(bodies).size).toBe(2);
    expect(errors.length).toBeGreaterThan(0);
  });
});

describeWithRedis("@nestjs/cache-manager on Redis", () => {
  redisTest(
    "a response of one process is a hit in another one, and a delete there ends it",
    async ({ server }) => {
      const keyPrefix = newPrefix();
      const one = await serve("Express", [pagesIn(openCache(server, { keyPrefix }))]);
      const other = await serve("Fastify", [pagesIn(openCache(server, { keyPrefix }))]);
      const body = await hit(one, "/pages/apple");
      expect(await other.send("/pages/apple")).toEqual({ cached: "HIT", body });
      await other.send("/pages/apple", "DELETE");
      expect((await one.send("/pages/apple")).cached).toBe("MISS");
    },
  );
});
