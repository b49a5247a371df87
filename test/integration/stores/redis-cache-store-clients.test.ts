import { createClient, createCluster, createSentinel } from "@redis/client";
import { afterAll, beforeAll } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { redisCacheStore } from "../../../src/stores/redis/index.ts";
import { tieredCacheStore } from "../../../src/stores/tiered/index.ts";
import { describeCacheStore } from "../../../src/testing/index.ts";
import {
  EACH_LIBRARY,
  type IoredisLibrary,
  type TestClient,
  type TestCluster,
} from "../../support/ioredis-clients.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { RedisSentinels } from "../../support/redis-sentinels.ts";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { isSoak } from "../../support/scale.ts";
import { concurrently } from "./cache-store-support.ts";

/** By the name of the connection. */
const libraries = EACH_LIBRARY.filter(([name]) => isSoak || name === "ioredis 5").map(
  ([name, library]) => [name.replace(" ", "-"), library] as const,
);

describeWithRedis("the Redis cache store on a client of the application", () => {
  const quietly = { disableOfflineQueue: true, socket: { reconnectStrategy: false as const } };
  let server: RedisServer;
  let cluster: RedisCluster;
  let redis: RedisRegistry;
  let trio: RedisSentinels | undefined;
  let clients: { destroy: () => unknown }[];

  beforeAll(async () => {
    [server, cluster] = await Promise.all([RedisServer.start(), RedisCluster.start()]);
    const client = createClient({ url: server.url, ...quietly });
    const clusterClient = createCluster({
      rootNodes: cluster.urls.map((url) => ({ url })),
      defaults: quietly,
    });
    for (const each of [client, clusterClient]) each.on("error", () => {});
    await Promise.all([client.connect(), clusterClient.connect()]);
    const ofIoredis = libraries.flatMap(([name, library]) => ioredisOf(name, library));
    clients = [client, clusterClient, ...ofIoredis.map(([, each]) => ({ destroy: () => each.disconnect() }))];
    const sentinels = isSoak ? { sentinels: { client: await sentinelClient() } } : {};
    redis = new RedisRegistry({
      default: { client },
      cluster: { client: clusterClient },
      ...sentinels,
      ...Object.fromEntries(ofIoredis.map(([name, each]) => [name, { client: each }])),
    });
  });

  afterAll(async () => {
    await redis?.close();
    await Promise.all((clients ?? []).map((client) => client.destroy()));
    await Promise.all([server?.stop(), cluster?.stop(), trio?.stop()]);
  });

  function ioredisOf(name: string, { Redis, Cluster }: IoredisLibrary): [string, TestClient | TestCluster][] {
    const single = new Redis({ host: "127.0.0.1", port: server.port });
    if (!isSoak) return [[name, single]];
    const nodes = cluster.nodes.map(({ port }) => ({ host: "127.0.0.1", port }));
    return [
      [name, single],
      [`${name}-cluster`, new Cluster(nodes)],
    ];
  }

  async function sentinelClient() {
    trio = await RedisSentinels.start();
    const client = createSentinel({
      name: trio.name,
      sentinelRootNodes: trio.addresses,
      nodeClientOptions: { disableOfflineQueue: true },
    });
    client.on("error", () => {});
    await client.connect();
    clients.push(client);
    return client;
  }

  const ofNodeRedis = isSoak ? ["default", "cluster", "sentinels"] : ["default", "cluster"];
  const names = libraries.flatMap(([name]) => (isSoak ? [name, `${name}-cluster`] : [name]));
  const cases = [...ofNodeRedis, ...names].flatMap((connection) =>
    (["text", "bytes"] as const)
      .filter((values) => isSoak || values === "bytes" || !names.includes(connection))
      .map((values) => ({ connection, values })),
  );
  for (const { connection, values } of cases) {
    describeCacheStore(concurrently, `redis, given client ${connection}, ${values}`, {
      open: () => ({ store: redisCacheStore({ connection })({ redis, clock: systemClock, values }) }),
      values,
      // Over connections with the options of the client.
      hasTracking: true,
    });
  }
  for (const connection of isSoak ? [...ofNodeRedis, ...names] : names) {
    describeCacheStore(concurrently, `tiered, given client ${connection}`, {
      open: () => ({
        store: tieredCacheStore({ remote: redisCacheStore({ connection }) })({ redis, clock: systemClock }),
      }),
    });
  }
});
