import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

import { nodeRedisDriver } from "../../../src/redis/clients/node-redis.ts";
import { RedisConnection } from "../../../src/redis/connection.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { RedisEndpoint } from "../../../src/redis/endpoint.ts";
import { parseConnectionSettings } from "../../../src/redis/settings.ts";
import { expectConnectionError, serverForTest, within } from "../../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";

const source = (path: string): string => fileURLToPath(new URL(`../../../src/${path}`, import.meta.url));

/** Runs a module in a process of its own, until it ends by itself. */
async function runModule(body: string): Promise<{ exitCode: number | null; output: string }> {
  const imports = `
    const { RedisRegistry } = await import(${JSON.stringify(source("redis/registry.ts"))});
    const { Deadline } = await import(${JSON.stringify(source("core/deadlines.ts"))});
    const within = () => new Deadline(10_000);
  `;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--conditions", "@sojourn/source", "--input-type=module", "--eval", imports + body],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  const [exitCode] = (await once(child, "exit")) as [number | null];
  return { exitCode, output };
}

/** How many clients are connected, the test's own included. */
async function clientCount(server: RedisServer): Promise<number> {
  const clients = String(await server.command("CLIENT", "LIST"));
  return clients.trim().split("\n").length;
}

describeWithRedis("the life of a connection", () => {
  test("begins with its first command: making a registry opens nothing", async () => {
    const server = await serverForTest();
    const registry = new RedisRegistry({ default: server.settings, session: server.settings });
    await server.command("PING");
    expect(await server.command("INFO", "stats")).toContain("total_connections_received:1\r\n");
    await registry.get("session").command(["PING"], within());
    expect(await server.command("INFO", "stats")).toContain("total_connections_received:2\r\n");
    await registry.close();
  });

  test("ends with close(): what was outstanding is answered first, later commands are refused as not sent", async () => {
    const server = await serverForTest();
    const registry = new RedisRegistry({ default: server.settings });
    const slow = registry.get().command(["DEBUG", "SLEEP", "0.1"], within());
    const closed = registry.close();
    await expectConnectionError(registry.get().command(["PING"], within()), "not-sent");
    expect(await slow).toBe("OK");
    await closed;
    expect(await clientCount(server)).toBe(1);
  });

  test("close() may be called again, and before the first command", async () => {
    const registry = new RedisRegistry();
    await registry.close();
    await registry.close();
    const error = await expectConnectionError(registry.get().command(["PING"], within()), "not-sent");
    expect(error.message).toBe('Redis connection "default": it has been closed, so PING was not sent.');
  });

  test("close() while the client library is being loaded leaves no connection behind", async () => {
    const server = await serverForTest();
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const endpoint = parseConnectionSettings(server.url, "redis.default") as RedisEndpoint;
    const connection = new RedisConnection({
      name: "default",
      driver: nodeRedisDriver(endpoint, "redis.default", () => gate.then(() => import("@redis/client"))),
      connectTimeout: 5000,
      stallTimeout: 5000,
    });
    connection.prepare();
    await connection.close();
    release();
    await sleep(300);
    expect(await clientCount(server)).toBe(1);
  });

  test("a driver that is destroyed while its socket is being connected leaves no connection behind", async () => {
    const server = await serverForTest();
    const endpoint = parseConnectionSettings(server.url, "redis.default") as RedisEndpoint;
    const driver = await nodeRedisDriver(endpoint, "redis.default")();
    const connected = driver.connect();
    driver.destroy();
    await expect(connected).rejects.toBeInstanceOf(Error);
    expect(driver.isReady).toBe(false);
    expect(await clientCount(server)).toBe(1);
  });

  test("a process exits by itself after close()", async () => {
    const server = await serverForTest();
    const { exitCode, output } = await runModule(`
      const registry = new RedisRegistry({ default: ${JSON.stringify(server.url)} });
      await registry.get().command(["SET", "key", "value"], within());
      await registry.close();
      console.log("closed");
    `);
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: "closed\n" });
    expect(await server.command("GET", "key")).toBe("value");
  });

  test("a process exits by itself when no connection was opened, or could be opened", async () => {
    const { exitCode, output } = await runModule(`
      const registry = new RedisRegistry({ default: "redis://127.0.0.1:1" });
      await registry.get().command(["PING"], within()).catch((error) => console.log(error.code, error.outcome));
    `);
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: "ERR_STORE_CONNECTION not-sent\n" });
  });

  test("a process exits by itself after close() during an attempt to connect to a frozen server", async () => {
    const server = await serverForTest();
    server.freeze();
    const { exitCode, output } = await runModule(`
      const registry = new RedisRegistry({ default: { url: ${JSON.stringify(server.url)}, connectTimeout: "1h" } });
      const short = new Deadline(200);
      await registry.get().command(["PING"], short).catch((error) => console.log(error.code, error.outcome));
      await registry.close();
      console.log("closed");
    `);
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: "ERR_STORE_CONNECTION not-sent\nclosed\n" });
  });
});
