import { setTimeout as sleep } from "node:timers/promises";
import { createSentinel } from "@redis/client";
import { expect, onTestFinished, test } from "vitest";

import type { StoreConnectionError } from "../../../src/core/errors.ts";
import type { RedisConnection } from "../../../src/redis/connection.ts";
import type { RedisConnectionSettings } from "../../../src/redis/settings.ts";
import { EACH_LIBRARY } from "../../support/ioredis-clients.ts";
import {
  connectionForTest,
  expectConnectionError,
  expectServiceError,
  MARGIN,
  timeOf,
  within,
} from "../../support/redis-connections.ts";
import { RedisSentinels } from "../../support/redis-sentinels.ts";
import { describeWithRedis, freePort, type RedisServer } from "../../support/redis-server.ts";
import { isSoak } from "../../support/scale.ts";

async function sentinelsForTest(
  options?: Parameters<typeof RedisSentinels.start>[0],
): Promise<RedisSentinels> {
  const trio = await RedisSentinels.start(options);
  onTestFinished(() => trio.stop());
  return trio;
}

const own = (trio: RedisSentinels): Promise<RedisConnectionSettings> =>
  Promise.resolve({ sentinels: trio.addresses, name: trio.name });

async function given(trio: RedisSentinels): Promise<RedisConnectionSettings> {
  const client = createSentinel({
    name: trio.name,
    sentinelRootNodes: trio.addresses,
    scanInterval: 1000,
    nodeClientOptions: { disableOfflineQueue: true },
  });
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.destroy());
  return { client };
}

const KINDS: readonly [string, (trio: RedisSentinels) => Promise<RedisConnectionSettings>][] = [
  ["with settings", own],
  ["with a client of the application", given],
  ...EACH_LIBRARY.filter(() => isSoak).map(([name, { Redis }]): (typeof KINDS)[number] => [
    `with a client of ${name}`,
    (trio) => {
      const client = new Redis({ sentinels: trio.addresses, name: trio.name });
      client.on("error", () => {});
      onTestFinished(() => client.disconnect());
      return Promise.resolve({ client });
    },
  ]),
];

/**
 * Raises a counter without a pause. Tells how often that was acknowledged, and how often it may have been
 * executed.
 */
function countOn(connection: RedisConnection): {
  stop(): Promise<{ acknowledged: number; unknown: number }>;
} {
  let isOver = false;
  const counts = { acknowledged: 0, unknown: 0 };
  const run = async (): Promise<void> => {
    for (; !isOver; await sleep(2)) {
      await connection.command(["INCR", "n"], within(1000)).then(
        () => counts.acknowledged++,
        (error: unknown) => {
          if ((error as StoreConnectionError).outcome === "unknown") counts.unknown++;
        },
      );
    }
  };
  const running = run();
  return {
    async stop() {
      isOver = true;
      await running;
      return counts;
    },
  };
}

describeWithRedis("a master behind sentinels", () => {
  test.each(KINDS)("is found, written to and read, %s", async (_title, settingsFor) => {
    const trio = await sentinelsForTest();
    const connection = connectionForTest(await settingsFor(trio));
    expect(await connection.command(["SET", "key", "é"], within(5000))).toBe("OK");
    expect(await connection.command(["GET", "key"], within(5000), "key", "bytes")).toEqual(Buffer.from("é"));
    expect(await trio.servers[0]?.command("GET", "key")).toBe("é");
  });

  test.each(KINDS)(
    "is changed by SENTINEL FAILOVER while in use, and no command is executed twice, %s",
    async (_t, of) => {
      const trio = await sentinelsForTest();
      const connection = connectionForTest(await of(trio));
      await connection.command(["SET", "n", "0"], within(5000));
      const counting = countOn(connection);
      const [old] = trio.servers;
      await trio.sentinels[0]?.command("SENTINEL", "FAILOVER", trio.name);
      await expect.poll(async () => (await trio.master()) !== old, { timeout: 15_000 }).toBe(true);
      await expect
        .poll(() => connection.command(["INCR", "healed"], within(1000)).catch(() => 0), {
          timeout: 3000 + MARGIN,
        })
        .toBeGreaterThan(0);
      const { acknowledged, unknown } = await counting.stop();
      const count = Number(await connection.command(["GET", "n"], within()));
      expect(acknowledged).toBeGreaterThan(10);
      expect(count).toBeLessThanOrEqual(acknowledged + unknown);
    },
  );

  test.each(KINDS)(
    "that is killed is replaced while in use, and no command is executed twice, %s",
    async (_t, of) => {
      const trio = await sentinelsForTest();
      const connection = connectionForTest(await of(trio));
      await connection.command(["SET", "n", "0"], within(5000));
      const counting = countOn(connection);
      await sleep(200);
      const [old] = trio.servers as [RedisServer];
      await old.kill();
      await expect.poll(async () => (await trio.master()) !== old, { timeout: 20_000 }).toBe(true);
      await expect
        .poll(() => connection.command(["INCR", "healed"], within(1000)).catch(() => 0), {
          timeout: 3000 + MARGIN,
        })
        .toBeGreaterThan(0);
      const { acknowledged, unknown } = await counting.stop();
      const count = Number(await connection.command(["GET", "n"], within()));
      expect(acknowledged).toBeGreaterThan(10);
      expect(count).toBeLessThanOrEqual(acknowledged + unknown);
    },
  );

  test("is left within a second when the sentinels name another one, though the old one goes on", async () => {
    const trio = await sentinelsForTest();
    const connection = connectionForTest(await own(trio));
    const portOf = async (): Promise<string> => {
      const info = String(await connection.command(["INFO", "server"], within(1000)).catch(() => ""));
      return /tcp_port:(\d+)/.exec(info)?.[1] ?? "";
    };
    const old = await trio.master();
    expect(await portOf()).toBe(String(old.port));
    await trio.sentinels[0]?.command("SENTINEL", "FAILOVER", trio.name);
    await expect.poll(async () => (await trio.master()) !== old, { timeout: 15_000 }).toBe(true);
    const begin = performance.now();
    while ((await portOf()) !== String((await trio.master()).port)) await sleep(20);
    // The other sentinels hear of it with the next hello, up to two seconds later.
    expect(performance.now() - begin).toBeLessThan(3000 + MARGIN);
    expect(String(await old.command("ROLE"))).toMatch(/^master/);
  });

  test("is found when one of the sentinels answers at all", async () => {
    const trio = await sentinelsForTest();
    await trio.sentinels[0]?.kill();
    trio.sentinels[1]?.freeze();
    onTestFinished(() => trio.sentinels[1]?.thaw());
    for (let round = 0; round < 4; round++) {
      const connection = connectionForTest(await own(trio));
      expect(await connection.command(["PING"], within(1000))).toBe("PONG");
    }
  });

  test("that no sentinel knows or that none can be asked for is reported at once and as not sent", async () => {
    const trio = await sentinelsForTest();
    const unknown = connectionForTest({ sentinels: trio.addresses, name: "other" }).command(
      ["PING"],
      within(),
    );
    expect((await expectConnectionError(unknown, "not-sent")).message).toContain(
      'knows no master named "other"',
    );
    const nobody = connectionForTest({
      sentinels: [{ host: "127.0.0.1", port: await freePort() }],
      name: "mymaster",
    });
    const pending = nobody.command(["PING"], within());
    expect((await expectConnectionError(pending, "not-sent")).message).toContain("ECONNREFUSED");
    expect(await timeOf(pending)).toBeLessThan(10_000);
  });

  test("and its sentinels have passwords of their own, a database and addresses behind a map", async () => {
    const trio = await sentinelsForTest({
      server: { password: "of-servers", config: ["masterauth of-servers"] },
      sentinel: { password: "of-sentinels", config: ["sentinel auth-pass mymaster of-servers"] },
    });
    const [{ port }] = trio.servers as [RedisServer];
    const settings = {
      sentinels: trio.addresses,
      name: trio.name,
      password: "of-servers",
      database: 2,
      nodeAddressMap: { [`127.0.0.1:${port}`]: { host: "localhost", port } },
    };
    const connection = connectionForTest({ ...settings, sentinelPassword: "of-sentinels" });
    expect(await connection.command(["CLIENT", "INFO"], within(5000))).toContain(" db=2 ");
    const wrong = connectionForTest({ ...settings, sentinelPassword: "wrong" });
    const error = await expectServiceError(wrong.command(["PING"], within()), "not-sent");
    expect(error.message).toContain("with WRONGPASS.");
  });
});
