import "reflect-metadata";
import { Controller, Get } from "@nestjs/common";
import { APP_GUARD } from "@nestjs/core";
import {
  SkipThrottle,
  Throttle,
  ThrottlerGuard,
  ThrottlerModule,
  type ThrottlerModuleOptions,
} from "@nestjs/throttler";
import { describe, expect, onTestFinished, test } from "vitest";

import type { Cache } from "../../../src/cache/index.ts";
import { nestjsThrottlerStorage } from "../../../src/integrations/nestjs-throttler/index.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { createNest, listen, PLATFORMS, type Platform } from "../adapters/support/nest.ts";
import { newPrefix, openCache } from "../cache/support.ts";
import { describeOnEngines, openUnreachable } from "./support.ts";

// So long that no test meets the end of one.
const DAY = 86_400_000;

@Controller()
class PageController {
  @Get()
  page(): string {
    return "served";
  }

  @Throttle({ default: { limit: 1 } })
  @Get("rare")
  rare(): string {
    return "rare";
  }

  @SkipThrottle({ default: true, long: true })
  @Get("free")
  free(): string {
    return "free";
  }
}

/** Serves an application that is limited. @returns Sends one request. */
async function serve(
  platform: Platform,
  cache: Cache,
  throttlers: Extract<ThrottlerModuleOptions, unknown[]> = [{ ttl: DAY, limit: 3, blockDuration: 2 * DAY }],
): Promise<(path?: string) => Promise<Response>> {
  const app = await createNest(platform, {
    imports: [ThrottlerModule.forRoot({ throttlers, storage: nestjsThrottlerStorage(cache) })],
    controllers: [PageController],
    providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
  });
  onTestFinished(() => app.close());
  const port = await listen(app);
  return (path = "/") => fetch(`http://127.0.0.1:${port}${path}`);
}

async function statuses(send: () => Promise<Response>, count: number): Promise<number[]> {
  const responses = await Promise.all(Array.from({ length: count }, () => send()));
  await Promise.all(responses.map((response) => response.text()));
  return responses.map(({ status }) => status);
}

describe.each(PLATFORMS)("@nestjs/throttler beneath %s", (platform) => {
  describeOnEngines("with its storage", (open) => {
    test("serves the limit, with its headers, and refuses the rest for the length of the block", async () => {
      const send = await serve(platform, open());
      const first = await send();
      expect([first.status, await first.text()]).toEqual([200, "served"]);
      expect(first.headers.get("x-ratelimit-limit")).toBe("3");
      expect(first.headers.get("x-ratelimit-remaining")).toBe("2");
      const reset = Number(first.headers.get("x-ratelimit-reset"));
      expect(reset).toBeGreaterThan(DAY / 1000 - 60);
      expect(reset).toBeLessThanOrEqual(DAY / 1000);
      expect(await statuses(send, 3)).toEqual(expect.arrayContaining([200, 200, 429]));
      const refused = await send();
      expect(refused.status).toBe(429);
      const wait = Number(refused.headers.get("retry-after"));
      expect(wait).toBeGreaterThan((2 * DAY) / 1000 - 60);
      expect(wait).toBeLessThanOrEqual((2 * DAY) / 1000);
    });

    test("routes have limits of their own, and several throttlers count side by side", async () => {
      const send = await serve(platform, open(), [
        { name: "default", ttl: DAY, limit: 3 },
        { name: "long", ttl: 2 * DAY, limit: 4 },
      ]);
      expect(await statuses(() => send("/rare"), 2)).toEqual(expect.arrayContaining([200, 429]));
      const response = await send();
      expect(response.headers.get("x-ratelimit-remaining")).toBe("2");
      expect(response.headers.get("x-ratelimit-remaining-long")).toBe("3");
      expect(await statuses(() => send("/free"), 10)).toEqual(Array.from({ length: 10 }, () => 200));
    });
  });

  test("a cache that fails is an error, not a free pass", async () => {
    const send = await serve(platform, await openUnreachable());
    expect((await send()).status).toBe(500);
  });
});

describeWithRedis("@nestjs/throttler on Redis", () => {
  redisTest(
    "40 requests at once to two processes: exactly the limit is served, and both block",
    async ({ server }) => {
      const settings = { keyPrefix: newPrefix(), deadline: "20s" } as const;
      const throttlers = [{ ttl: DAY, limit: 10 }];
      const [one, other] = [
        await serve("Express", openCache(server, settings), throttlers),
        await serve("Fastify", openCache(server, settings), throttlers),
      ];
      const codes = (await Promise.all([statuses(one, 20), statuses(other, 20)])).flat();
      expect(codes.filter((code) => code === 200)).toHaveLength(10);
      expect([(await one()).status, (await other()).status]).toEqual([429, 429]);
    },
  );

  redisTest(
    "a request is two commands, also the first on a server that knows no script",
    async ({ server }) => {
      const storage = nestjsThrottlerStorage(openCache(server));
      await server.command("SCRIPT", "FLUSH");
      const hit = () => storage.increment("client", DAY, 1, DAY, "default");
      expect(await hit()).toMatchObject({ totalHits: 1, timeToExpire: DAY / 1000 });
      const monitor = await server.monitor();
      onTestFinished(() => monitor.stop());
      expect(await hit()).toMatchObject({ totalHits: 2, isBlocked: true });
      expect(await monitor.take()).toEqual(["EVALSHA", "PTTL", "SET"]);
      expect(await hit()).toMatchObject({ totalHits: 2, isBlocked: true });
      expect(await monitor.take()).toEqual(["EVALSHA", "PTTL"]);
    },
  );
});
