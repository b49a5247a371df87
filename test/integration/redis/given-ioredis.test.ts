import { inspect } from "node:util";
import { Redis, type RedisOptions } from "ioredis";
import { expect, onTestFinished, test, vi } from "vitest";
import type { RedisConnection } from "../../../src/redis/connection.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { RedisScript } from "../../../src/redis/script.ts";
import {
  EACH_LIBRARY,
  type IoredisLibrary,
  ioredisForTest,
  LIBRARIES,
} from "../../support/ioredis-clients.ts";
import {
  connectionForTest,
  expectConnectionError,
  expectServiceError,
  serverForTest,
  within,
} from "../../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";

const BYTES = Buffer.from([0, 255, 128, 10, 13, 195]);

/** A server, and a connection over a client of the library. */
async function given(
  library: IoredisLibrary,
  options: RedisOptions = {},
): Promise<{ server: RedisServer; connection: RedisConnection }> {
  const server = await serverForTest();
  return {
    server,
    connection: connectionForTest({
      client: ioredisForTest(library, server, options),
      connectTimeout: "20s",
    }),
  };
}

/** Texts, bytes, numbers, nulls, lists and errors arrive as they are. */
async function expectReplies(connection: RedisConnection): Promise<void> {
  const ask = (...args: [string, ...(string | Buffer)[]]): Promise<unknown> =>
    connection.command(args, within());
  expect(await connection.command(["SET", "bytes", BYTES], within(), "bytes", "bytes")).toBe("OK");
  expect(await connection.command(["GET", "bytes"], within(), "bytes", "bytes")).toEqual(BYTES);
  expect(await connection.command(["MGET", "bytes", "none"], within(), "bytes", "bytes")).toEqual([
    BYTES,
    null,
  ]);
  expect(await ask("GET", "bytes")).toBe(BYTES.toString());
  expect(await connection.command(["PTTL", "bytes"], within(), "bytes", "bytes")).toBe(-1);
  expect(await ask("SET", Buffer.from("key"), "é")).toBe("OK");
  expect(await ask("GET", "key")).toBe("é");
  expect(await ask("SET", "number", "12")).toBe("OK");
  expect(await ask("GET", "number")).toBe("12");
  expect(await ask("INCR", "number")).toBe(13);
  expect(await ask("HSET", "hash", "field", "value")).toBe(1);
  expect(await ask("HMGET", "hash", "field", "none")).toEqual(["value", null]);
  expect(await ask("HGET", "hash", "field")).toBe("value");
  await expectServiceError(ask("LPOP", "key"), "not-sent");
  await expectServiceError(ask("INCR", "key"), "unknown");
}

/** Options for an application's own commands, none of which changes Sojourn's. */
const OPTIONS: Record<string, RedisOptions> = {
  "no options": {},
  lazyConnect: { lazyConnect: true },
  stringNumbers: { stringNumbers: true },
  enableAutoPipelining: { enableAutoPipelining: true },
  showFriendlyErrorStack: { showFriendlyErrorStack: true },
  "enableOfflineQueue: false": { enableOfflineQueue: false },
  "maxRetriesPerRequest: null": { maxRetriesPerRequest: null },
  "no enableReadyCheck": { enableReadyCheck: false },
};

describeWithRedis("a client of ioredis that the application has made", () => {
  test.each(
    EACH_LIBRARY.flatMap(([name, library]) =>
      Object.entries(OPTIONS).map(([title, options]) => [name, title, library, options] as const),
    ),
  )("answers texts, bytes and errors, %s with %s", async (_name, _title, library, options) => {
    await expectReplies((await given(library, options)).connection);
  });

  test("answers them with the shapes of RESP 3 too", async () => {
    const { connection } = await given(LIBRARIES["ioredis 6"], { replyMapping: "resp3" } as RedisOptions);
    await expectReplies(connection);
    expect(await connection.command(["CONFIG", "GET", "port"], within())).toEqual({
      port: expect.any(String),
    });
  });

  test.each(EACH_LIBRARY)(
    "is used as it is, and stays open when the registry closes, %s",
    async (_name, library) => {
      const server = await serverForTest();
      const client = ioredisForTest(library, server, { db: 6 });
      const registry = new RedisRegistry({ default: { client } });
      expect(await registry.get().command(["CLIENT", "INFO"], within())).toContain("db=6");
      await registry.close();
      expect(await client.ping()).toBe("PONG");
      await expectConnectionError(registry.get().command(["PING"], within()), "not-sent");
    },
  );

  test.each(EACH_LIBRARY)(
    "runs scripts by their hash, and after SCRIPT FLUSH once each, %s",
    async (_name, library) => {
      const { server, connection } = await given(library);
      const script = new RedisScript("incr", "return redis.call('INCR', KEYS[1])");
      const run = (): Promise<unknown> => connection.run(script, ["n"], [], within());
      await run();
      await server.command("SCRIPT", "FLUSH");
      const replies = await Promise.all(Array.from({ length: 50 }, run));
      expect(replies.toSorted((a, b) => Number(a) - Number(b))).toEqual(replies.map((_, index) => index + 2));
    },
  );

  test.each(EACH_LIBRARY)(
    "writes commands of one moment in their order, before the moment ends, %s",
    async (_name, library) => {
      const { server, connection } = await given(library);
      await connection.command(["PING"], within());
      const monitor = await server.monitor();
      const replies = Promise.all([
        connection.command(["SET", "k", "1"], within()),
        connection.command(["GET", "k"], within()),
        connection.command(["GETRANGE", "k", "0", "0"], within()),
      ]);
      expect(await replies).toEqual(["OK", "1", "1"]);
      expect(await monitor.take()).toEqual(["SET", "GET", "GETRANGE"]);
      monitor.stop();
    },
  );

  test("reads past the application's own transformers, and its commands do not see Sojourn's", async () => {
    const server = await serverForTest();
    const client = ioredisForTest(LIBRARIES["ioredis 5"], server);
    const connection = connectionForTest({ client });
    Redis.Command.setReplyTransformer("get", (reply: string) => `<${reply}>`);
    onTestFinished(() => Redis.Command.setReplyTransformer("get", (reply: unknown) => reply));
    await client.set("k", "v");
    expect(await client.get("k")).toBe("<v>");
    expect(await connection.command(["GET", "k"], within())).toBe("v");
  });

  test("does not end a command before its deadline, whatever its commandTimeout", async () => {
    const { connection } = await given(LIBRARIES["ioredis 5"], { commandTimeout: 200 });
    expect(await connection.command(["DEBUG", "SLEEP", "0.5"], within())).toBe("OK");
  });

  test("shows neither keys nor passwords in its errors", async () => {
    const server = await serverForTest({ password: "right" });
    const options = { password: "hunter2", retryStrategy: () => null };
    const wrong = connectionForTest({
      client: ioredisForTest(LIBRARIES["ioredis 5"], server, { ...options, lazyConnect: true }),
    });
    const refused = await expectServiceError(wrong.command(["GET", "secret-key"], within()), "not-sent");
    expect(refused.message).toContain("WRONGPASS");
    const { connection } = await given(LIBRARIES["ioredis 5"]);
    const error = await expectServiceError(
      connection.command(["INCRBY", "secret-key", "x"], within()),
      "unknown",
    );
    expect(inspect([refused, error], { depth: 10 })).not.toMatch(/secret-key|hunter2/);
  });
});

describeWithRedis("a client of ioredis that cannot be used", () => {
  const refusals: Record<string, [RedisOptions, RegExp]> = {
    "has a keyPrefix": [
      { keyPrefix: "app:" },
      /^redis\.default\.client: expected a client without `keyPrefix`/,
    ],
    "reads from replicas": [{ readOnly: true }, /expected a client of the master/],
    "asks the sentinels for replicas": [
      { sentinels: [{ host: "127.0.0.1", port: 1 }], name: "m", role: "slave" },
      /expected a client of the master/,
    ],
    "is a monitor": [{ monitor: true }, /in monitor mode/],
  };
  test.each(Object.entries(refusals))("since it %s is refused at start", (_title, [options, message]) => {
    const client = new Redis({ ...options, lazyConnect: true });
    expect(() => new RedisRegistry({ default: { client } })).toThrow(message);
  });

  test("since its cluster has a keyPrefix is refused at start", () => {
    const client = new Redis.Cluster([{ host: "127.0.0.1", port: 1 }], {
      lazyConnect: true,
      redisOptions: { keyPrefix: "a:" },
    });
    expect(() => new RedisRegistry({ default: { client } })).toThrow(/without `keyPrefix`/);
  });

  test.each(EACH_LIBRARY.filter(([name]) => name !== "ioredis 6"))(
    "since it subscribes says so with the first command, %s",
    async (_name, library) => {
      const server = await serverForTest();
      const client = ioredisForTest(library, server);
      const connection = connectionForTest({ client });
      await connection.command(["PING"], within());
      await client.subscribe("channel");
      const error = await expectConnectionError(connection.command(["GET", "k"], within()), "not-sent");
      expect(error.message).toContain("the client is in subscriber mode");
      expect(() => new RedisRegistry({ default: { client } })).toThrow(/the client is in subscriber mode/);
    },
  );

  test("since it subscribes with RESP 3 can be used all the same", async () => {
    const server = await serverForTest();
    const client = ioredisForTest(LIBRARIES["ioredis 6"], server);
    const connection = connectionForTest({ client });
    await client.subscribe("channel");
    expect(await connection.command(["SET", "k", "v"], within())).toBe("OK");
    await server.command("PUBLISH", "channel", "text");
    expect(await connection.command(["GET", "k"], within())).toBe("v");
  });

  test("since it is closed fails at once, as not sent", async () => {
    const server = await serverForTest();
    const client = ioredisForTest(LIBRARIES["ioredis 5"], server);
    const connection = connectionForTest({ client });
    await connection.command(["PING"], within());
    client.disconnect();
    await vi.waitFor(() => expect(client.status).toBe("end"));
    const error = await expectConnectionError(connection.command(["GET", "k"], within()), "not-sent");
    expect(error.message).toContain("the given client is closed");
  });
});
