import { onTestFinished } from "vitest";
import type { RedisConnection } from "../../../src/redis/connection.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { within } from "../../support/redis-connections.ts";
import type { RedisServer } from "../../support/redis-server.ts";

export const later = () => within();

/** A key on each node of a cluster. */
export function keysOnEach(cluster: RedisCluster, prefix = "key"): string[] {
  return cluster.nodes.map((node) => keyOn(cluster, node, prefix));
}

export function keyOn(cluster: RedisCluster, node: RedisServer, prefix = "key"): string {
  for (let number = 0; ; number++) {
    if (cluster.nodeOf(`${prefix}${number}`) === node) return `${prefix}${number}`;
  }
}

export async function clusterForTest(
  ...options: Parameters<typeof RedisCluster.start>
): Promise<RedisCluster> {
  const cluster = await RedisCluster.start(...options);
  onTestFinished(() => cluster.stop());
  return cluster;
}

export async function sendToEach(connection: RedisConnection, keys: readonly string[]): Promise<unknown[]> {
  return Promise.all(keys.map((key) => connection.command(["GET", key], within(), key)));
}

export async function collect(pages: AsyncIterable<readonly string[]>): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of pages) keys.push(...page);
  return keys;
}
