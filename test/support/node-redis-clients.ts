import { createCluster, createSentinel } from "@redis/client";
import { onTestFinished } from "vitest";

import type { RedisCluster } from "./redis-cluster.ts";
import type { RedisSentinels } from "./redis-sentinels.ts";

type ClusterOptions = Partial<Parameters<typeof createCluster>[0]>;
type SentinelOptions = Partial<Parameters<typeof createSentinel>[0]>;

/** A cluster client of node-redis that is connected, and closed when the running test ends. */
export async function nodeRedisClusterForTest(
  { urls }: Pick<RedisCluster, "urls">,
  options: ClusterOptions = {},
) {
  const client = createCluster({
    rootNodes: urls.map((url) => ({ url })),
    ...options,
    defaults: { disableOfflineQueue: true, ...options.defaults },
  });
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => {
    if (client.isOpen) client.destroy();
  });
  return client;
}

/** A sentinel client of node-redis that is connected, and closed when the running test ends. */
export async function nodeRedisSentinelForTest(trio: RedisSentinels, options: SentinelOptions = {}) {
  const client = createSentinel({
    name: trio.name,
    sentinelRootNodes: trio.addresses,
    scanInterval: 1000,
    ...options,
    nodeClientOptions: { disableOfflineQueue: true, ...options.nodeClientOptions },
  });
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.destroy());
  return client;
}
