import { expect, onTestFinished, test } from "vitest";

import { StoreConnectionError } from "../../../src/core/errors.ts";
import { nextIncrementalCacheHandler } from "../../../src/integrations/next-cache/index.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { PAGE, pageOf, writeContext } from "../../support/next-incremental.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { newPrefix, openCache } from "../cache/support.ts";
import { openUnreachable } from "./support.ts";

/** Two processes of one build. */
function openReplicas(server: RedisServer) {
  const settings = { keyPrefix: newPrefix(), deadline: "20s" } as const;
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const open = () => {
    const options = { buildId: "a build", onError, maxWait: "20s" } as const;
    return nextIncrementalCacheHandler(openCache(server, settings), options);
  };
  return { One: open(), Other: open(), errors };
}

describeWithRedis("the incremental cache of Next on Redis", () => {
  redisTest("an invalidation at one process is seen by the next read of the other", async ({ server }) => {
    const { One, Other, errors } = openReplicas(server);
    for (let round = 0; round < 20; round++) {
      const request = new One({});
      expect(await request.get("/page", PAGE)).toBeNull();
      await request.set("/page", pageOf(`round ${round}`, ["a"]), writeContext());
      expect(await new Other({}).get("/page", PAGE)).toMatchObject({
        value: { html: `round ${round}`, rscData: pageOf(`round ${round}`).rscData },
      });
      await new Other({}).revalidateTag(round % 2 === 0 ? "a" : ["_N_T_/page"]);
    }
    expect(errors).toEqual([]);
  });

  redisTest("misses at two processes are one rendering", async ({ server }) => {
    const { One, Other } = openReplicas(server);
    let rendered = 0;
    const read = async (index: number): Promise<unknown> => {
      const request = index === 0 ? new One({}) : new Other({});
      const entry = await request.get("/page", PAGE);
      if (entry !== null) return entry.value;
      await request.set("/page", pageOf(`rendering ${++rendered}`), writeContext());
      return (await request.get("/page", PAGE))?.value;
    };
    // In one process, Next joins the requests of a page.
    const pages = await Promise.all([read(0), read(1)]);
    expect([rendered, new Set(pages.map((page) => JSON.stringify(page))).size]).toEqual([1, 1]);
  });

  redisTest("a hit is one command, and an invalidation of a tag three", async ({ server }) => {
    const { One } = openReplicas(server);
    const request = new One({});
    await request.get("/page", PAGE);
    await request.set("/page", pageOf("page", ["a"]), writeContext());
    await new One({}).get("/page", PAGE);
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    await new One({}).get("/page", PAGE);
    expect(await monitor.take()).toEqual(["MGET"]);
    await new One({}).revalidateTag(["a"], { expire: 60 });
    expect(await monitor.take()).toHaveLength(3);
  });
});

test("the incremental cache of Next with a server that cannot be reached: misses, and errors", async () => {
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const Handler = nextIncrementalCacheHandler(await openUnreachable(), { buildId: "a build", onError });
  const request = new Handler({});
  expect(await request.get("/page", PAGE)).toBeNull();
  await request.set("/page", pageOf("page"), writeContext());
  expect(errors).toHaveLength(1);
  await expect(request.revalidateTag("a")).rejects.toThrow(StoreConnectionError);
});
