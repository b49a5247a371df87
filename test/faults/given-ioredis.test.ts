import type { RedisOptions } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import type { StoreConnectionError } from "../../src/core/errors.ts";
import type { RedisConnection } from "../../src/redis/connection.ts";
import { RedisScript } from "../../src/redis/script.ts";
import {
  EACH_LIBRARY,
  type IoredisLibrary,
  ioredisForTest,
  type TestClient,
} from "../support/ioredis-clients.ts";
import {
  connectionForTest,
  expectConnectionError,
  expectServiceError,
  MARGIN,
  serverForTest,
  timeOf,
  within,
} from "../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { isSoak } from "../support/scale.ts";
import { TcpProxy } from "./tcp-proxy.ts";

interface Given {
  readonly server: RedisServer;
  readonly proxy: TcpProxy;
  readonly client: TestClient;
  readonly connection: RedisConnection;
}

/** A server behind a proxy, and a connection over a client that is connected to it. */
async function given(library: IoredisLibrary, options: RedisOptions = {}): Promise<Given> {
  const server = await serverForTest();
  const proxy = await TcpProxy.start(server.port);
  onTestFinished(() => proxy.close());
  const client = ioredisForTest(library, proxy, { retryStrategy: () => 20, ...options });
  const connection = connectionForTest({ client });
  await connection.command(["SET", "text", "x"], within());
  return { server, proxy, client, connection };
}

const incr = (connection: RedisConnection, milliseconds?: number): Promise<unknown> =>
  connection.command(["INCR", "n"], within(milliseconds));

async function outcomesOf(commands: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const result of await Promise.allSettled(commands)) {
    const outcome = result.status === "fulfilled" ? "done" : (result.reason as StoreConnectionError).outcome;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

/** Waits until commands succeed again. */
async function healed(connection: RedisConnection): Promise<void> {
  await expect
    .poll(() => connection.command(["PING"], within(1000)).catch(() => ""), { timeout: 10_000 })
    .toBe("PONG");
}

/** Options that decide what the client does with commands of a lost connection. */
const RESENDING: Record<string, RedisOptions> = {
  "its defaults": {},
  "maxRetriesPerRequest: null": { maxRetriesPerRequest: null },
  "autoResendUnfulfilledCommands: false": { autoResendUnfulfilledCommands: false },
  "enableOfflineQueue: false": { enableOfflineQueue: false },
  enableAutoPipelining: { enableAutoPipelining: true },
};

const libraries = EACH_LIBRARY.filter(([name]) => isSoak || name === "ioredis 5");

describeWithRedis("on a client of the application", () => {
  describe.each(libraries)("%s", (_name, library) => {
    test.each(Object.entries(RESENDING).slice(0, isSoak ? undefined : 2))(
      "commands whose replies are cut off are unknown, and executed once, with %s",
      async (_title, options) => {
        const { server, proxy, connection } = await given(library, options);
        proxy.cutNextReply("reset");
        const commands = Array.from({ length: 100 }, () => incr(connection));
        const { unknown = 0, done = 0 } = await outcomesOf(commands);
        expect({ sum: unknown + done, someUnknown: unknown > 0 }).toEqual({ sum: 100, someUnknown: true });
        await healed(connection);
        expect(await server.command("GET", "n")).toBe("100");
      },
    );

    test("the application's own commands are sent again, as it has asked for", async () => {
      const { server, proxy, client } = await given(library);
      proxy.cutNextReply("reset");
      await Promise.all(Array.from({ length: 100 }, () => client.incr("n")));
      expect(Number(await server.command("GET", "n"))).toBeGreaterThan(100);
    });

    test("both kinds at once: each in its own way, and replies go to those who asked", async () => {
      const { server, proxy, client, connection } = await given(library);
      proxy.cutNextReply("reset");
      const own = Array.from({ length: 50 }, () => incr(connection));
      const theirs = Array.from({ length: 50 }, (_, index) => client.set(`k${index}`, String(index)));
      const { unknown = 0, done = 0 } = await outcomesOf(own);
      expect(unknown + done).toBe(50);
      expect(await Promise.all(theirs)).toEqual(Array.from({ length: 50 }, () => "OK"));
      await healed(connection);
      expect(await server.command("GET", "n")).toBe("50");
      expect(await Promise.all([client.get("k7"), connection.command(["GET", "k9"], within())])).toEqual([
        "7",
        "9",
      ]);
    });

    test("a frozen server: commands end by their deadlines as unknown, nothing is sent later", async () => {
      const { server, connection } = await given(library);
      server.freeze();
      const start = performance.now();
      const commands = Array.from({ length: 200 }, () => incr(connection, 500));
      expect(await outcomesOf(commands)).toEqual({ unknown: 200 });
      expect(performance.now() - start).toBeLessThan(500 + MARGIN);
      server.thaw();
      await healed(connection);
      expect(await server.command("GET", "n")).toBe("200");
    });

    test("a frozen server: with socketTimeout, its connection is left and later commands are not sent", async () => {
      const { server, connection } = await given(library, { socketTimeout: 300 });
      server.freeze();
      const start = performance.now();
      await expectConnectionError(incr(connection, 1000), "unknown");
      expect(performance.now() - start).toBeLessThan(600 + MARGIN);
      await expectConnectionError(incr(connection, 200), "not-sent");
      server.thaw();
      await healed(connection);
    });

    test("more than 5000 commands without an answer: the others are told at once that they were not sent", async () => {
      const { server, connection } = await given(library);
      server.freeze();
      const commands = Array.from({ length: 6000 }, () => incr(connection, 500));
      expect(await outcomesOf(commands)).toEqual({ unknown: 5000, "not-sent": 1000 });
      server.thaw();
      await healed(connection);
      expect(await server.command("GET", "n")).toBe("5000");
    });

    test("a connection that has just been lost costs the next command nothing", async () => {
      const { client, connection } = await given(library);
      for (let round = 1; round <= 5; round++) {
        client.stream.destroy();
        expect(await incr(connection)).toBe(round);
      }
    });

    test("a server that is down: commands are not sent, not even when it is back", async () => {
      const { server, connection } = await given(library);
      await server.kill();
      const first = incr(connection, 1000);
      expect(await timeOf(first)).toBeLessThan(1000 + MARGIN);
      await outcomesOf([first]);
      await expectConnectionError(incr(connection, 1000), "not-sent");
      await server.restart();
      await healed(connection);
      expect(await server.command("GET", "n")).toBeNull();
    });

    test("a server that was restarted has forgotten the scripts: they are loaded again", async () => {
      const { server, connection } = await given(library);
      const script = new RedisScript("incr", "return redis.call('INCR', KEYS[1])");
      const run = (): Promise<unknown> => connection.run(script, ["n"], [], within(1000));
      expect([await run(), await run()]).toEqual([1, 2]);
      await server.restart();
      await healed(connection);
      expect(await Promise.all([run(), run(), run()])).toEqual([1, 2, 3]);
    });

    test("an error reply that its reconnectOnError would send again: unknown, and sent once", async () => {
      const { connection, server } = await given(library, { reconnectOnError: () => 2 });
      await connection.command(["SET", "n", "0"], within());
      const failing = connection.run(
        new RedisScript("half", "redis.call('INCR', KEYS[1]) return redis.error_reply('ERR half done')"),
        ["n"],
        [],
        within(),
      );
      const error = await expectConnectionError(failing, "unknown");
      expect(error.message).toContain("reconnectOnError");
      await healed(connection);
      expect(await server.command("GET", "n")).toBe("1");
    });

    test("an error reply with a reconnectOnError that sends nothing again: the error", async () => {
      const { connection } = await given(library, { reconnectOnError: () => true });
      await expectServiceError(connection.command(["LPOP", "text"], within()), "not-sent");
      await healed(connection);
    });

    test("a server that has become a replica: tried again until the client leads to the next one", async () => {
      const reconnectOnError = (error: Error): boolean => error.message.startsWith("READONLY");
      const { server, proxy, connection } = await given(library, { reconnectOnError });
      const next = await serverForTest();
      await server.command("REPLICAOF", "127.0.0.1", String(next.port));
      proxy.leadTo(next.port);
      expect(await Promise.all([incr(connection), incr(connection)])).toEqual([1, 2]);
      expect(await next.command("GET", "n")).toBe("2");
    });

    test.each(isSoak ? [true, false] : [])(
      "a server that loads its data: waited for, with enableReadyCheck: %s",
      async (enableReadyCheck) => {
        const config = ["key-load-delay 1500", "loading-process-events-interval-bytes 1024"];
        const server = await serverForTest({ config });
        for (let at = 0; at < 300; at++) await server.command("SET", `key${at}`, "x".repeat(1000));
        await server.command("SAVE");
        await server.restartLoading();
        const client = ioredisForTest(library, server, { enableReadyCheck });
        const connection = connectionForTest({ client, connectTimeout: "20s" });
        expect(await connection.command(["GET", "key0"], within())).toHaveLength(1000);
      },
    );

    test("a client that gives up (retryStrategy: null): not sent, and told so", async () => {
      const { server, connection, client } = await given(library, { retryStrategy: () => null });
      await server.kill();
      await expect.poll(() => client.status).toBe("end");
      const error = await expectConnectionError(incr(connection), "not-sent");
      expect(error.message).toContain("the given client is closed");
    });
  });
});
