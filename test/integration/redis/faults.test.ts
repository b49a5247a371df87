import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";

import type { StoreConnectionError } from "../../../src/core/errors.ts";
import type { RedisConnection } from "../../../src/redis/connection.ts";
import {
  connectionForTest,
  errorOf,
  expectConnectionError,
  MARGIN,
  serverForTest,
  timeOf,
  within,
} from "../../support/redis-connections.ts";
import { describeWithRedis, freePort } from "../../support/redis-server.ts";

/** Waits until the event loop is through with what is pending. */
const settled = (): Promise<void> => sleep(50);

async function warmUp(connection: RedisConnection): Promise<void> {
  await connection.command(["PING"], within());
}

/** Lists each result once: "ok", or the outcome of the error. */
function outcomesOf(results: readonly PromiseSettledResult<unknown>[]): string[] {
  return [...new Set(results.map(outcomeOf))];
}

function outcomeOf(result: PromiseSettledResult<unknown>): string {
  return result.status === "fulfilled" ? "ok" : (result.reason as StoreConnectionError).outcome;
}

describeWithRedis("a frozen server", () => {
  test("200 outstanding commands end by their deadline; after the thaw the next one succeeds", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await warmUp(connection);
    server.freeze();
    const start = performance.now();
    const results = await Promise.allSettled(
      Array.from({ length: 200 }, () => connection.command(["INCR", "n"], within(1000))),
    );
    expect(performance.now() - start).toBeLessThan(1000 + MARGIN);
    expect(outcomesOf(results)).toEqual(["unknown"]);
    server.thaw();
    expect(await connection.command(["PING"], within(1000))).toBe("PONG");
  });

  test("commands keep ending by their deadlines for as long as it is frozen", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await warmUp(connection);
    server.freeze();
    const times: number[] = [];
    const commands: Promise<void>[] = [];
    for (let issued = 0; issued < 40; issued++) {
      commands.push(
        timeOf(connection.command(["GET", "key"], within(300))).then((time) => void times.push(time)),
      );
      await sleep(75);
    }
    await Promise.all(commands);
    expect(Math.max(...times)).toBeLessThan(300 + MARGIN);
    server.thaw();
    expect(await connection.command(["PING"], within(1000))).toBe("PONG");
  });

  test("a new connection, which is accepted but never greeted, ends by the deadline as not sent", async () => {
    const server = await serverForTest();
    server.freeze();
    const connection = connectionForTest(server.settings);
    const pending = connection.command(["SET", "key", "value"], within(300));
    expect(await timeOf(pending)).toBeLessThan(300 + MARGIN);
    await expectConnectionError(pending, "not-sent");
    server.thaw();
    expect(await connection.command(["GET", "key"], within(1000))).toBeNull();
  });

  test("a command that joins an attempt in vain gets one of its own: the next one after the thaw succeeds", async () => {
    const server = await serverForTest();
    server.freeze();
    const connection = connectionForTest({ ...server.settings, connectTimeout: "300ms" });
    const first = connection.command(["PING"], within());
    await sleep(100);
    const second = connection.command(["PING"], within());
    await expectConnectionError(first, "not-sent");
    server.thaw();
    expect(await second).toBe("PONG");
  });

  test("a handshake is given up after connectTimeout, before a longer deadline", async () => {
    const server = await serverForTest();
    server.freeze();
    const connection = connectionForTest({ ...server.settings, connectTimeout: "200ms" });
    const pending = connection.command(["PING"], within());
    expect(await timeOf(pending)).toBeLessThan(10_000);
    const error = await expectConnectionError(pending, "not-sent");
    expect(error.message).toContain("no handshake within 200 ms");
  });

  test("a connection that answers nothing is replaced, and what was outstanding on it ends", async () => {
    const server = await serverForTest();
    const connection = connectionForTest({ ...server.settings, stallTimeout: "200ms" });
    const id = await connection.command(["CLIENT", "ID"], within());
    server.freeze();
    const patient = connection.command(["PING"], within(20_000));
    await expectConnectionError(connection.command(["PING"], within(100)), "unknown");
    expect((await expectConnectionError(patient, "unknown")).message).toContain(
      "had not answered for 200 ms",
    );
    server.thaw();
    expect(await connection.command(["CLIENT", "ID"], within())).not.toBe(id);
  });

  test("a deadline that passes while other answers come does not cost the connection", async () => {
    const server = await serverForTest();
    const connection = connectionForTest({ ...server.settings, stallTimeout: "700ms" });
    const id = await connection.command(["CLIENT", "ID"], within());
    await expectConnectionError(connection.command(["DEBUG", "SLEEP", "0.5"], within(40)), "unknown");
    await sleep(600);
    expect(await connection.command(["DEBUG", "SLEEP", "1"], within())).toBe("OK");
    expect(await connection.command(["CLIENT", "ID"], within())).toBe(id);
  });

  test("stallTimeout counts from the last answer", async () => {
    const server = await serverForTest();
    const connection = connectionForTest({ ...server.settings, stallTimeout: "1800ms" });
    const id = await connection.command(["CLIENT", "ID"], within());
    const first = connection.command(["DEBUG", "SLEEP", "0.8"], within());
    // Sent apart from the first command: Redis answers what it has read at once together.
    await sleep(50);
    const second = connection.command(["DEBUG", "SLEEP", "1.4"], within());
    // Missed 1.9 s after the first command was sent, 1.1 s after it was answered.
    await expectConnectionError(connection.command(["PING"], within(1900)), "unknown");
    expect(await Promise.all([first, second])).toEqual(["OK", "OK"]);
    expect(await connection.command(["CLIENT", "ID"], within())).toBe(id);
  });
});

describeWithRedis("a server that is not there", () => {
  test("is reported at once and as not sent, not after the deadline", async () => {
    const connection = connectionForTest({ host: "127.0.0.1", port: await freePort() });
    const pending = connection.command(["GET", "a-secret-key"], within());
    expect(await timeOf(pending)).toBeLessThan(10_000);
    const error = await expectConnectionError(pending, "not-sent");
    expect(error.message).toMatch(
      /^Redis connection "default": no connection could be opened \(connect ECONNREFUSED 127\.0\.0\.1:\d+\), so GET was /,
    );
    expect(JSON.stringify([error.message, error.cause])).not.toContain("a-secret-key");
  });

  test("is not asked again and again: attempts begin at least 50 ms apart", async () => {
    let attempts = 0;
    const door = createServer((socket) => {
      attempts++;
      socket.destroy();
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void door.close());
    await once(door, "listening");
    const connection = connectionForTest({ host: "127.0.0.1", port: (door.address() as AddressInfo).port });
    await expectConnectionError(connection.command(["PING"], within()), "not-sent");
    const start = performance.now();
    while (attempts < 5) await expectConnectionError(connection.command(["PING"], within()), "not-sent");
    // Three gaps lie between the second attempt and the fifth one.
    expect(performance.now() - start).toBeGreaterThanOrEqual(150);
  });

  test("localhost, tried as ::1 and 127.0.0.1, is reported as well", async () => {
    const connection = connectionForTest({ host: "localhost", port: await freePort() });
    const error = await expectConnectionError(connection.command(["PING"], within()), "not-sent");
    expect(error.message).toContain("ECONNREFUSED");
  });

  test("a missing unix socket and an unknown host are reported as not sent", async () => {
    const nowhere = connectionForTest({ path: "/nowhere/redis.sock" });
    expect((await expectConnectionError(nowhere.command(["PING"], within()), "not-sent")).message).toContain(
      "ENOENT",
    );
    const unknown = connectionForTest({ host: "no-such-host.invalid" });
    await expectConnectionError(unknown.command(["PING"], within(5000)), "not-sent");
  });

  test("10 000 commands fail quickly and leave nothing behind", async () => {
    const connection = connectionForTest({ host: "127.0.0.1", port: await freePort() });
    const burst = async (): Promise<void> => {
      const commands = Array.from({ length: 10_000 }, () =>
        connection.command(["GET", "x".repeat(1000)], within(5000)),
      );
      expect(outcomesOf(await Promise.allSettled(commands))).toEqual(["not-sent"]);
    };
    await burst();
    await settled();
    expect(activeResources()).toEqual([]);
    const before = heapUsed();
    for (let round = 0; round < 5; round++) await burst();
    // 50 000 commands, of which each kept one would hold 1000 bytes.
    expect(heapUsed() - before).toBeLessThan(10_000_000);
  });
});

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes, after a full collection. */
function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Timers and sockets that are open, without those of the test framework. */
function activeResources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap" || name === "Immediate");
}

describeWithRedis("a server that dies", () => {
  test("commands in flight fail at once as unknown, later ones as not sent", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await warmUp(connection);
    server.freeze();
    const inFlight = Array.from({ length: 100 }, () => connection.command(["INCR", "n"], within()));
    const results = Promise.allSettled(inFlight);
    await settled();
    await server.kill();
    expect(outcomesOf(await results)).toEqual(["unknown"]);
    await expectConnectionError(connection.command(["PING"], within()), "not-sent");
  });

  test("the first command after its restart succeeds, and nothing is sent twice", async () => {
    const server = await serverForTest({ appendonly: true });
    const connection = connectionForTest(server.settings);
    await connection.command(["INCR", "n"], within());
    const results = Promise.allSettled(
      Array.from({ length: 50 }, () => connection.command(["INCR", "n"], within())),
    );
    await new Promise(setImmediate);
    await server.kill();
    const acknowledged = (await results).filter(({ status }) => status === "fulfilled").length;
    await server.restart();
    const count = Number(await connection.command(["GET", "n"], within()));
    expect(count).toBeGreaterThanOrEqual(1 + acknowledged);
    expect(count).toBeLessThanOrEqual(51);
  });

  test("many commands that find the connection lost share one new connection", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await warmUp(connection);
    await server.restart();
    await settled();
    await Promise.all(Array.from({ length: 100 }, () => connection.command(["INCR", "n"], within())));
    expect(await server.command("GET", "n")).toBe("100");
    expect(await server.command("INFO", "stats")).toContain("total_connections_received:2\r\n");
  });

  test("a connection that the server closes while idle is opened again without an error", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await warmUp(connection);
    await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await settled();
    expect(await connection.command(["PING"], within())).toBe("PONG");
  });
});

describeWithRedis("a deadline", () => {
  test("covers a command that Redis is slow with; the late answer disturbs nothing", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await warmUp(connection);
    const slow = connection.command(["DEBUG", "SLEEP", "0.4"], within(200));
    expect(await timeOf(slow)).toBeLessThan(200 + MARGIN);
    const error = await expectConnectionError(slow, "unknown");
    expect(error.message).toBe(
      'Redis connection "default": DEBUG was not answered within the deadline of 200 ms. It may or may not have been ' +
        "executed. Check the server's load and the network.",
    );
    expect(await connection.command(["ECHO", "next"], within())).toBe("next");
  });

  test("that has passed already sends nothing", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await warmUp(connection);
    await expectConnectionError(connection.command(["SET", "key", "value"], within(0)), "not-sent");
    expect(await server.command("EXISTS", "key")).toBe(0);
  });

  test("an answer that arrived while the event loop was blocked counts, though the deadline has passed", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await warmUp(connection);
    const pending = connection.command(["ECHO", "hello"], within(100));
    // The command is written in this turn of the event loop; its answer is not read before the next one.
    await new Promise(setImmediate);
    const end = performance.now() + 300;
    while (performance.now() < end);
    expect(await pending).toBe("hello");
  });

  test("more commands than the queue holds are refused as not sent", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await warmUp(connection);
    server.freeze();
    const results = await Promise.allSettled(
      Array.from({ length: 10_000 }, () => connection.command(["INCR", "n"], within(200))),
    );
    expect(results.filter((result) => outcomeOf(result) === "not-sent")).toHaveLength(5000);
    expect(outcomesOf(results)).toEqual(["unknown", "not-sent"]);
    server.thaw();
    await sleep(100);
    expect(await connection.command(["PING"], within())).toBe("PONG");
  });
});

describeWithRedis("no failure", () => {
  test("becomes an unhandled rejection", async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", listen);
    onTestFinished(() => void process.off("unhandledRejection", listen));
    const server = await serverForTest();
    const connection = connectionForTest({
      ...server.settings,
      connectTimeout: "100ms",
      stallTimeout: "50ms",
    });
    await warmUp(connection);
    server.freeze();
    await errorOf(connection.command(["PING"], within(50)));
    await errorOf(connection.command(["PING"], within(300)));
    await server.kill();
    await errorOf(connection.command(["PING"], within(50)));
    await errorOf(connection.command(["PING"], within(0)));
    await settled();
    expect(unhandled).toEqual([]);
  });
});
