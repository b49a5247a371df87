import { expect, test } from "vitest";

import { Deadline } from "../../core/deadlines.ts";
import { RedisConnection } from "../connection.ts";
import type { RedisEndpoint } from "../endpoint.ts";
import { parseConnectionSettings } from "../settings.ts";
import { nodeRedisDriver } from "./node-redis.ts";

const endpoint = parseConnectionSettings("redis://localhost:1", "redis.session") as RedisEndpoint;

function connectionWith(load: () => Promise<never>): RedisConnection {
  const driver = nodeRedisDriver(endpoint, "redis.session", load);
  return new RedisConnection({ name: "session", driver, connectTimeout: 1000, stallTimeout: 1000 });
}

test("without the client library, the first command says how to install it", async () => {
  const missing = "a-package-that-nobody-installed";
  const connection = connectionWith(async () => (await import(missing)) as never);
  await expect(connection.command(["PING"], new Deadline(5000))).rejects.toMatchObject({
    code: "ERR_IMPROPERLY_CONFIGURED",
    message: "redis.session: the Redis client is not installed. Install it with: npm install @redis/client",
  });
});

test("a client library that fails to load is reported with its own error", async () => {
  const connection = connectionWith(() => Promise.reject(new SyntaxError("broken file")));
  await expect(connection.command(["PING"], new Deadline(5000))).rejects.toMatchObject({
    code: "ERR_STORE_CONNECTION",
    outcome: "not-sent",
    cause: new SyntaxError("broken file"),
  });
});
