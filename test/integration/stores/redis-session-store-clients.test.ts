import { afterAll, beforeAll, describe, it } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { RedisRegistry, type RedisSettings } from "../../../src/redis/registry.ts";
import { redisBucketSessionStore, redisSessionStore } from "../../../src/stores/redis/index.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { EACH_LIBRARY } from "../../support/ioredis-clients.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { isSoak } from "../../support/scale.ts";
import { advance } from "./bucket-support.ts";

const concurrently = { describe, it: it.concurrent };
const libraries = EACH_LIBRARY.filter(([name]) => isSoak || name === "ioredis 5");
/** A cluster takes seconds to start. */
const kinds = isSoak ? ["server", "cluster"] : ["server"];

describeWithRedis("the Redis session stores on a client of ioredis", () => {
  describe.each(libraries)("%s", (name, { Redis, Cluster }) => {
    describe.each(kinds)("%s", (kind) => {
      let stop: () => Promise<unknown>;
      let redis: RedisRegistry;
      let projects = 0;

      async function open(): Promise<RedisSettings> {
        if (kind === "server") {
          const server = await RedisServer.start();
          const client = new Redis({ host: "127.0.0.1", port: server.port });
          stop = () => (client.disconnect(), server.stop());
          return { default: { client } };
        }
        const cluster = await RedisCluster.start();
        const client = new Cluster(cluster.nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
        stop = () => (client.disconnect(), cluster.stop());
        return { default: { client } };
      }

      beforeAll(async () => {
        redis = new RedisRegistry(await open());
      });

      afterAll(async () => {
        await redis?.close();
        await stop?.();
      });

      // Watches are of single servers.
      const hasWatch = kind === "server";
      const context = () => ({ projectName: `project${++projects}`, redis, clock: systemClock });

      describeSessionStore(concurrently, `redis, ${name}, ${kind}`, {
        hasWatch,
        open: () => ({ store: redisSessionStore()(context()) }),
      });

      describeSessionStore(concurrently, `redis buckets, ${name}, ${kind}`, {
        hasWatch,
        open: () => ({ store: redisBucketSessionStore()(context()), advance }),
      });
    });
  });
});
