import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { RedisConnectionSettings } from "../../../src/redis/settings.ts";
import type { RedisCluster } from "../../support/redis-cluster.ts";
import {
  connectionForTest,
  expectConnectionError,
  MARGIN,
  timeOf,
  within,
} from "../../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { clusterForTest, keyOn, keysOnEach, sendToEach } from "./cluster-support.ts";

describeWithRedis("a frozen node of a cluster", () => {
  const settings = (cluster: RedisCluster, rest: object = {}): RedisConnectionSettings => ({
    cluster: cluster.urls,
    stallTimeout: "300ms",
    ...rest,
  });

  test("costs its own commands their deadlines and the others nothing, for as long as it is frozen", async () => {
    const cluster = await clusterForTest();
    const connection = connectionForTest(settings(cluster));
    const [frozenKey = "", ...otherKeys] = keysOnEach(cluster);
    await sendToEach(connection, [frozenKey, ...otherKeys]);
    cluster.nodes[0]?.freeze();
    onTestFinished(() => cluster.nodes[0]?.thaw());
    const [frozen, others]: [number[], Promise<unknown>[]] = [[], []];
    const timed: Promise<void>[] = [];
    for (let issued = 0; issued < 40; issued++) {
      const command = connection.command(["GET", frozenKey], within(300), frozenKey);
      timed.push(timeOf(command).then((time) => void frozen.push(time)));
      for (const key of otherKeys) others.push(connection.command(["GET", key], within(1000), key));
      await sleep(75);
    }
    await Promise.all(timed);
    expect(Math.max(...frozen)).toBeLessThan(300 + MARGIN);
    const failures = (await Promise.allSettled(others)).filter(({ status }) => status === "rejected");
    expect(failures).toEqual([]);
    cluster.nodes[0]?.thaw();
    expect(await connection.command(["GET", frozenKey], within(2000), frozenKey)).toBeNull();
  });

  test("is told from the others by its answers alone: its connection is closed though they answer", async () => {
    const cluster = await clusterForTest();
    const connection = connectionForTest(settings(cluster));
    const [frozenKey = "", otherKey = ""] = keysOnEach(cluster);
    await sendToEach(connection, [frozenKey, otherKey]);
    cluster.nodes[0]?.freeze();
    const patient = connection.command(["GET", frozenKey], within(), frozenKey);
    const failed = expectConnectionError(patient, "unknown");
    await expectConnectionError(connection.command(["GET", frozenKey], within(100), frozenKey), "unknown");
    let isOver = false;
    void failed.finally(() => (isOver = true)).catch(() => {});
    while (!isOver) expect(await connection.command(["GET", otherKey], within(), otherKey)).toBeNull();
    expect((await failed).message).toContain("had not answered for 300 ms");
    cluster.nodes[0]?.thaw();
    expect(await connection.command(["GET", frozenKey], within(2000), frozenKey)).toBeNull();
  });

  test("does not hold up a new connection, whichever node is asked for the others", async () => {
    const cluster = await clusterForTest();
    cluster.nodes[0]?.freeze();
    onTestFinished(() => cluster.nodes[0]?.thaw());
    const key = keyOn(cluster, cluster.nodes[1] as RedisServer);
    for (let round = 0; round < 6; round++) {
      const connection = connectionForTest(settings(cluster));
      expect(await connection.command(["GET", key], within(1000), key)).toBeNull();
    }
  });

  test("that dies is reported at once as not sent, and works again when it is back", async () => {
    const cluster = await clusterForTest();
    const connection = connectionForTest(settings(cluster));
    const keys = keysOnEach(cluster);
    await sendToEach(connection, keys);
    const [key = ""] = keys;
    await cluster.nodes[0]?.kill();
    await sleep(50);
    await expectConnectionError(connection.command(["GET", key], within(), key), "not-sent");
    expect(await sendToEach(connection, keys.slice(1))).toEqual([null, null]);
    await cluster.nodes[0]?.restart();
    await expect
      .poll(() => connection.command(["GET", key], within(1000), key).catch(() => "down"), {
        timeout: 10_000,
      })
      .toBeNull();
  });
});
