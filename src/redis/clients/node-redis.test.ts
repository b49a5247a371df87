import { EventEmitter } from "node:events";
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

test("an error that a client survives ends what it has tracked so far, and later changes are told", async () => {
  const client = Object.assign(new EventEmitter(), { connect: async () => {}, isReady: true, isOpen: true });
  const load = async () => ({ createClient: () => client }) as never;
  const told: (string | undefined)[] = [];
  const listener = {
    onChange: (key?: string) => void told.push(key),
    onLinkEnd: () => void told.push("end"),
  };
  await nodeRedisDriver(endpoint, "redis.session", load, listener)();
  for (const key of ["one", null]) client.emit("invalidate", key);
  for (const round of [1, 2]) {
    client.emit("error", new Error(`not parsed ${round}`));
    client.emit("invalidate", Buffer.from("two"));
  }
  expect(told).toEqual(["one", undefined, "end", "two", "end", "two"]);
});

test("a client library that fails to load is reported with its own error", async () => {
  const connection = connectionWith(() => Promise.reject(new SyntaxError("broken file")));
  await expect(connection.command(["PING"], new Deadline(5000))).rejects.toMatchObject({
    code: "ERR_STORE_CONNECTION",
    outcome: "not-sent",
    cause: new SyntaxError("broken file"),
  });
});
