import { createClient, createCluster, createSentinel } from "@redis/client";
import { afterAll, beforeAll, describe, it } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import type { RedisGivenClient } from "../../../src/redis/settings.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { redisBucketSessionStore, redisSessionStore } from "../../../src/stores/redis/index.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { EACH_LIBRARY, type IoredisLibrary } from "../../support/ioredis-clients.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { RedisSentinels } from "../../support/redis-sentinels.ts";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { isSoak } from "../../support/scale.ts";
import { advance } from "./bucket-support.ts";

const concurrently = { describe, it: it.concurrent };

/** A client of an application, and the servers that it leads to. */
interface Given {
  readonly client: RedisGivenClient["client"];
  stop(): Promise<unknown>;
}

const quietly = { disableOfflineQueue: true };

async function onServer(connect: (server: RedisServer) => Promise<[Given["client"], () => unknown]>) {
  const server = await RedisServer.start();
  const [client, end] = await connect(server);
  return { client, stop: async () => (await end(), server.stop()) };
}

async function onCluster(connect: (cluster: RedisCluster) => Promise<[Given["client"], () => unknown]>) {
  const cluster = await RedisCluster.start();
  const [client, end] = await connect(cluster);
  return { client, stop: async () => (await end(), cluster.stop()) };
}

async function nodeRedisSentinel(): Promise<Given> {
  const trio = await RedisSentinels.start();
  const client = createSentinel({
    name: trio.name,
    sentinelRootNodes: trio.addresses,
    nodeClientOptions: quietly,
  });
  client.on("error", () => {});
  await client.connect();
  return { client, stop: async () => (await client.destroy(), trio.stop()) };
}

const nodeRedisServer = (): Promise<Given> =>
  onServer(async ({ url }) => {
    const client = createClient({ url, ...quietly });
    client.on("error", () => {});
    await client.connect();
    return [client, () => client.destroy()];
  });

const nodeRedisCluster = (): Promise<Given> =>
  onCluster(async ({ urls }) => {
    const client = createCluster({ rootNodes: urls.map((url) => ({ url })), defaults: quietly });
    client.on("error", () => {});
    await client.connect();
    return [client, () => client.destroy()];
  });

const ioredisServer = ({ Redis }: IoredisLibrary): Promise<Given> =>
  onServer(async ({ port }) => {
    const client = new Redis({ host: "127.0.0.1", port });
    return [client, () => client.disconnect()];
  });

const ioredisCluster = ({ Cluster }: IoredisLibrary): Promise<Given> =>
  onCluster(async ({ nodes }) => {
    const client = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
    return [client, () => client.disconnect()];
  });

/** The gate has the other clients with faults, and as stores of caches: clusters take seconds to start. */
const kinds: [name: string, place: "server" | "sentinels" | "cluster", start: () => Promise<Given>][] = [
  ...EACH_LIBRARY.filter(([name]) => isSoak || name === "ioredis 5").map(
    ([name, library]): (typeof kinds)[number] => [name, "server", () => ioredisServer(library)],
  ),
  ...(isSoak ? soaked() : []),
];

function soaked(): typeof kinds {
  return [
    ["node-redis", "server", nodeRedisServer],
    ["node-redis", "sentinels", nodeRedisSentinel],
    ["node-redis", "cluster", nodeRedisCluster],
    ...EACH_LIBRARY.map(([name, library]): (typeof kinds)[number] => [
      name,
      "cluster",
      () => ioredisCluster(library),
    ]),
  ];
}

describeWithRedis("the Redis session stores on a client of the application", () => {
  describe.each(kinds)("%s, %s", (name, place, start) => {
    let given: Given;
    let redis: RedisRegistry;
    let projects = 0;

    beforeAll(async () => {
      given = await start();
      redis = new RedisRegistry({ default: { client: given.client } });
    });

    afterAll(async () => {
      await redis?.close();
      await given?.stop();
    });

    const context = () => ({ projectName: `project${++projects}`, redis, clock: systemClock });

    describeSessionStore(concurrently, `redis, ${name}, ${place}`, {
      hasWatch: true,
      open: () => ({ store: redisSessionStore()(context()) }),
    });

    describeSessionStore(concurrently, `redis buckets, ${name}, ${place}`, {
      hasWatch: true,
      open: () => ({ store: redisBucketSessionStore()(context()), advance }),
    });
  });
});
