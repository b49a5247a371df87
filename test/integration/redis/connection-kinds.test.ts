import { createClient } from "@redis/client";
import { expect, onTestFinished, test, vi } from "vitest";

import type { RedisConnection } from "../../../src/redis/connection.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { RedisConnectionSettings } from "../../../src/redis/settings.ts";
import {
  connectionForTest,
  expectConnectionError,
  expectServiceError,
  serverForTest,
  within,
} from "../../support/redis-connections.ts";
import { describeWithRedis } from "../../support/redis-server.ts";

/** Asks the server about the connection itself: its database, user, RESP version and address. */
async function identify(settings: RedisConnectionSettings): Promise<Record<string, string>> {
  const info = await connectionForTest(settings).command(["CLIENT", "INFO"], within());
  return Object.fromEntries(
    String(info)
      .trim()
      .split(" ")
      .map((field) => field.split("=", 2) as [string, string]),
  );
}

describeWithRedis("a connection is described by", () => {
  test("a URL", async () => {
    const server = await serverForTest();
    expect(await identify(server.url)).toMatchObject({ db: "0", user: "default", resp: "3" });
    expect(await identify(`${server.url}/3`)).toMatchObject({ db: "3" });
    expect(await identify(`${server.url}?db=4`)).toMatchObject({ db: "4" });
    expect(await identify({ url: `${server.url}/2` })).toMatchObject({ db: "2" });
  });

  test("host and port, and a database", async () => {
    const { port } = await serverForTest();
    expect(await identify({ host: "127.0.0.1", port })).toMatchObject({ db: "0" });
    expect(await identify({ host: "localhost", port, database: 7 })).toMatchObject({ db: "7" });
  });

  test("a unix socket: its path, a text that is a path, or a URL", async () => {
    const { socketPath = "" } = await serverForTest({ unixSocket: true });
    expect(await identify({ path: socketPath, database: 2 })).toMatchObject({
      db: "2",
      laddr: `${socketPath}:0`,
    });
    expect(await identify(socketPath)).toMatchObject({ db: "0" });
    expect(await identify(`unix://${socketPath}?db=5`)).toMatchObject({ db: "5" });
  });

  test("a user and a password, also with characters that a URL escapes", async () => {
    const password = "p@ss:w/rd%é";
    const server = await serverForTest({ password, user: { name: "alice", password } });
    const login = encodeURIComponent(password);
    expect(await identify(server.settings)).toMatchObject({ user: "default" });
    expect(await identify(`redis://:${login}@127.0.0.1:${server.port}`)).toMatchObject({ user: "default" });
    expect(await identify(`redis://alice:${login}@127.0.0.1:${server.port}/1`)).toMatchObject({
      user: "alice",
      db: "1",
    });
    expect(
      await identify({ port: server.port, host: "127.0.0.1", username: "alice", password }),
    ).toMatchObject({
      user: "alice",
    });
  });

  test("TLS, which trusts only the authority that it was given", async () => {
    const server = await serverForTest({ tls: true });
    expect(await identify(server.settings)).toMatchObject({ user: "default" });
    const { tls } = server.settings as { tls: { ca: Buffer } };
    expect(await identify({ url: `rediss://127.0.0.1:${server.port}`, tls })).toMatchObject({
      user: "default",
    });
    const untrusting = connectionForTest(`rediss://127.0.0.1:${server.port}`);
    const error = await expectConnectionError(untrusting.command(["PING"], within()), "not-sent");
    expect(error.message).toContain("self-signed certificate");
  });

  test("a wrong password is an error that names the setting, and never shows the password", async () => {
    const server = await serverForTest({ password: "right" });
    const wrong = connectionForTest(`redis://:hunter2@127.0.0.1:${server.port}`);
    const error = await expectServiceError(wrong.command(["PING"], within()), "not-sent");
    expect(error.message).toBe(
      'Redis connection "default": Redis answered PING with WRONGPASS. Check `username` and `password`, and that the ' +
        "user is enabled.",
    );
    expect(String(error.cause)).not.toContain("hunter2");
    const without = connectionForTest(server.url);
    expect((await expectServiceError(without.command(["PING"], within()), "not-sent")).message).toContain(
      "NOAUTH",
    );
  });
});

/** Bytes that are no UTF-8 go in as an argument and come back. */
async function expectBytes(connection: RedisConnection): Promise<void> {
  const bytes = Buffer.from([0, 255, 128, 10, 13, 195]);
  expect(await connection.command(["SET", "bytes", bytes], within(), "bytes", "bytes")).toBe("OK");
  expect(await connection.command(["GET", "bytes"], within(), "bytes", "bytes")).toEqual(bytes);
  expect(await connection.command(["MGET", "bytes", "none"], within(), "bytes", "bytes")).toEqual([
    bytes,
    null,
  ]);
  expect(await connection.command(["GET", "bytes"], within(), "bytes")).toBe(bytes.toString());
  expect(await connection.command(["PTTL", "bytes"], within(), "bytes", "bytes")).toBe(-1);
}

describeWithRedis("a connection of Sojourn's own", () => {
  test("answers bytes where they are asked for, and texts elsewhere", async () => {
    const server = await serverForTest();
    await expectBytes(connectionForTest(server.settings));
  });

  test("makes no AbortSignal for a command, whatever is asked for: one each costs most of the throughput", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await connection.command(["PING"], within());
    const timeout = vi.spyOn(AbortSignal, "timeout");
    onTestFinished(() => timeout.mockRestore());
    await connection.command(["GET", "k"], within(), "k");
    await connection.command(["GET", "k"], within(), "k", "bytes");
    expect(timeout).not.toHaveBeenCalled();
  });
});

describeWithRedis("a client that the application has made", () => {
  const quietly = { disableOfflineQueue: true, socket: { reconnectStrategy: false as const } };

  async function clientForTest(url: string) {
    const client = createClient({ url, ...quietly });
    client.on("error", () => {});
    await client.connect();
    onTestFinished(() => client.destroy());
    return client;
  }

  test("is used as it is, and stays open when the registry closes", async () => {
    const server = await serverForTest();
    const client = await clientForTest(`${server.url}/6`);
    const registry = new RedisRegistry({ default: { client } });
    expect(await registry.get().command(["CLIENT", "INFO"], within())).toContain("db=6");
    await registry.close();
    expect(await client.ping()).toBe("PONG");
    await expectConnectionError(registry.get().command(["PING"], within()), "not-sent");
  });

  test("answers texts whatever its own type mapping", async () => {
    const server = await serverForTest();
    const client = await clientForTest(server.url);
    const mapped = client.withTypeMapping({ 36: Buffer });
    await client.set("text", "é");
    expect(await mapped.get("text")).toBeInstanceOf(Buffer);
    expect(await connectionForTest({ client: mapped }).command(["GET", "text"], within())).toBe("é");
  });

  test("answers bytes where they are asked for, whatever its own type mapping, and texts elsewhere", async () => {
    const server = await serverForTest();
    const connection = connectionForTest({ client: await clientForTest(server.url) });
    await expectBytes(connection);
  });

  test("that was never connected is refused at once", async () => {
    const server = await serverForTest();
    const connection = connectionForTest({ client: createClient({ url: server.url, ...quietly }) });
    const error = await expectConnectionError(connection.command(["PING"], within()), "not-sent");
    expect(error.message).toContain("call its connect() first");
  });

  test("that is connecting is waited for", async () => {
    const server = await serverForTest();
    const client = createClient({ url: server.url, ...quietly });
    const connection = connectionForTest({ client });
    const connected = client.connect();
    onTestFinished(() => client.destroy());
    expect(await connection.command(["ECHO", "hello"], within())).toBe("hello");
    await connected;
  });

  test("that is connecting in vain is given up by the deadline", async () => {
    const server = await serverForTest();
    server.freeze();
    const client = createClient({ url: server.url, ...quietly });
    client.on("error", () => {});
    const connected = client.connect().catch(() => {});
    const connection = connectionForTest({ client });
    const error = await expectConnectionError(connection.command(["PING"], within(100)), "not-sent");
    expect(error.message).toContain("PING could not be sent within the deadline of 100 ms");
    client.destroy();
    await connected;
  });

  test("that stalls is not destroyed: its commands end by their deadlines, and it works again afterwards", async () => {
    const server = await serverForTest();
    const client = await clientForTest(server.url);
    const connection = connectionForTest({ client, stallTimeout: "10ms" });
    server.freeze();
    await expectConnectionError(connection.command(["PING"], within(100)), "unknown");
    server.thaw();
    expect(await connection.command(["PING"], within())).toBe("PONG");
    expect(client.isReady).toBe(true);
  });

  test("fails like an own one: error replies, missing scripts, a lost connection", async () => {
    const server = await serverForTest();
    const connection = connectionForTest({ client: await clientForTest(server.url) });
    await connection.command(["SET", "text", "x"], within());
    await expectServiceError(connection.command(["LPOP", "text"], within()), "not-sent");
    await expectServiceError(connection.command(["INCR", "text"], within()), "unknown");
    const lost = expectConnectionError(connection.command(["DEBUG", "SLEEP", "5"], within()), "unknown");
    await connection.command(["CLIENT", "INFO"], within(50)).catch(() => {});
    await server.kill();
    expect((await lost).message).toContain("the connection was lost before DEBUG was answered");
    await expectConnectionError(connection.command(["PING"], within()), "not-sent");
  });

  test("that queues commands while offline is warned of, once, when the registry is made", async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on("warning", listen);
    onTestFinished(() => void process.off("warning", listen));
    const registry = new RedisRegistry({
      default: { client: createClient() },
      quiet: { client: createClient(quietly) },
    });
    await new Promise(setImmediate);
    expect(warnings.map(({ name, message }) => [name, message])).toEqual([
      ["SojournWarning", expect.stringMatching(/^redis\.default: .* `disableOfflineQueue: true`\.$/)],
    ]);
    await registry.close();
  });
});
