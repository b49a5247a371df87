import { Cluster as Cluster5, Redis as Redis5 } from "ioredis";
import { Cluster as Cluster6, Redis as Redis6 } from "ioredis6";
import { Cluster as ValkeyCluster, Redis as Valkey } from "iovalkey";
import { describe, expectTypeOf, test } from "vitest";
import { createSojourn } from "../../src/create-sojourn.ts";
import type { RedisConnectionSettings } from "../../src/redis/index.ts";

const BASE = { projectName: "shop", secretKey: "a secret of the tests, long enough" };
const NODES = [{ host: "localhost", port: 6379 }];

describe("clients of ioredis and iovalkey", () => {
  test("are settings of a connection as they are, without casts", () => {
    const clients = [
      { client: new Redis5() },
      { client: new Redis5({ sentinels: NODES, name: "mymaster" }) },
      { client: new Cluster5(NODES) },
      { client: new Redis6() },
      { client: new Redis6({ replyMapping: "resp3" }) },
      { client: new Cluster6(NODES) },
      { client: new Valkey() },
      { client: new ValkeyCluster(NODES) },
    ] satisfies RedisConnectionSettings[];
    expectTypeOf(clients).toBeArray();
    expectTypeOf(createSojourn({ ...BASE, redis: { default: { client: new Redis5() } } })).toBeObject();
  });

  test("are told from other objects", () => {
    // @ts-expect-error a pool of connections
    expectTypeOf({ client: { connect: async () => {} } } satisfies RedisConnectionSettings).toBeObject();
  });
});
