import { createClient, createCluster } from "@redis/client";
import { afterAll, beforeAll } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { redisCacheStore } from "../../../src/stores/redis/index.ts";
import { describeCacheStore } from "../../../src/testing/index.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { concurrently } from "./cache-store-support.ts";

describeWithRedis("the Redis cache store on a client of the application", () => {
  const quietly = { disableOfflineQueue: true, socket: { reconnectStrategy: false as const } };
  let server: RedisServer;
  let cluster: RedisCluster;
  let redis: RedisRegistry;
  let clients: { destroy: () => void }[];

  beforeAll(async () => {
    [server, cluster] = await Promise.all([RedisServer.start(), RedisCluster.start()]);
    const client = createClient({ url: server.url, ...quietly });
    const clusterClient = createCluster({
      rootNodes: cluster.urls.map((url) => ({ url })),
      defaults: quietly,
    });
    clients = [client, clusterClient];
    for (const each of [client, clusterClient]) each.on("error", () => {});
    await Promise.all([client.connect(), clusterClient.connect()]);
    redis = new RedisRegistry({ default: { client }, cluster: { client: clusterClient } });
  });

  afterAll(async () => {
    await redis?.close();
    for (const client of clients ?? []) client.destroy();
    await Promise.all([server?.stop(), cluster?.stop()]);
  });

  const cases = (["default", "cluster"] as const).flatMap((connection) =>
    (["text", "bytes"] as const).map((values) => ({ connection, values })),
  );
  for (const { connection, values } of cases) {
    describeCacheStore(concurrently, `redis, given client ${connection}, ${values}`, {
      open: () => ({ store: redisCacheStore({ connection })({ redis, clock: systemClock, values }) }),
      values,
    });
  }
});
