import { Cluster as Ioredis5Cluster, Redis as Ioredis5, type RedisOptions } from "ioredis";
import { Cluster as Ioredis6Cluster, Redis as Ioredis6 } from "ioredis6";
import { Cluster as IovalkeyCluster, Redis as Iovalkey } from "iovalkey";
import { onTestFinished } from "vitest";
import type { IoredisClient, IoredisCluster } from "../../src/redis/index.ts";

/** A client as the tests use it, beside the part that Sojourn uses. */
export interface TestClient extends IoredisClient {
  disconnect(): void;
  duplicate(): unknown;
  ping(): Promise<string>;
  incr(key: string): Promise<number>;
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  readonly stream: { destroy(): unknown };
}

/** A cluster client as the tests use it. */
export interface TestCluster extends IoredisCluster {
  disconnect(): void;
  get(key: string): Promise<string | null>;
}

export interface IoredisLibrary {
  readonly Redis: new (options: RedisOptions) => TestClient;
  readonly Cluster: new (nodes: { host: string; port: number }[], options?: object) => TestCluster;
}

/** The libraries that are one client in three editions. */
export const LIBRARIES: Readonly<Record<"ioredis 5" | "ioredis 6" | "iovalkey", IoredisLibrary>> = {
  "ioredis 5": { Redis: Ioredis5, Cluster: Ioredis5Cluster },
  "ioredis 6": { Redis: Ioredis6, Cluster: Ioredis6Cluster },
  iovalkey: { Redis: Iovalkey, Cluster: IovalkeyCluster },
};

/** For `test.each`: the name of each, and the library. */
export const EACH_LIBRARY = Object.entries(LIBRARIES);

/** A client that is closed when the running test ends. */
export function ioredisForTest(
  { Redis }: IoredisLibrary,
  { port }: { readonly port: number },
  options: RedisOptions = {},
): TestClient {
  const client = new Redis({ host: "127.0.0.1", port, ...options });
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

/** A cluster client that is closed when the running test ends. */
export function ioredisClusterForTest(
  { Cluster }: IoredisLibrary,
  nodes: readonly { readonly port: number }[],
  options: object = {},
): TestCluster {
  const client = new Cluster(
    nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
    options,
  );
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  return client;
}
