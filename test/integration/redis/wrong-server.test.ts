import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import { expect, onTestFinished, test } from "vitest";

import { CACHE_INCR } from "../../../src/stores/redis/scripts/scripts.ts";
import {
  connectionForTest,
  errorOf,
  expectServiceError,
  MARGIN,
  serverForTest,
  timeOf,
  within,
} from "../../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";

/** An address that leads to one server after the other. A connection that is open stays where it is. */
class Address {
  target: RedisServer;
  connections = 0;
  readonly port: number;

  private constructor(target: RedisServer, port: number) {
    this.target = target;
    this.port = port;
  }

  static async of(target: RedisServer): Promise<Address> {
    const proxy = createServer((near) => {
      address.connections++;
      const far = connect(address.target.port, "127.0.0.1");
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) {
        socket.on("error", () => {});
        socket.on("close", () => [near, far].forEach((each) => each.destroy()));
      }
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void proxy.close());
    await once(proxy, "listening");
    const address = new Address(target, (proxy.address() as AddressInfo).port);
    return address;
  }

  get settings() {
    return { host: "127.0.0.1", port: this.port };
  }
}

/** The old primary follows the new one, and the address leads there. */
async function failOver(address: Address, from: RedisServer, to: RedisServer): Promise<void> {
  await to.command("REPLICAOF", "NO", "ONE");
  await from.command("REPLICAOF", "127.0.0.1", String(to.port));
  address.target = to;
}

describeWithRedis("a failover that leaves the connection open", () => {
  test("costs no command: the first one after it is sent again on a new connection", async () => {
    const [first, second] = await Promise.all([serverForTest(), serverForTest()]);
    const address = await Address.of(first);
    const connection = connectionForTest(address.settings);
    await connection.command(["SET", "n", "0"], within());
    await connection.run(CACHE_INCR, ["n"], ["1"], within());
    await sleep(300);
    await second.command("SET", "n", "1");
    await failOver(address, first, second);
    expect(await connection.command(["INCR", "n"], within(1000), "n")).toBe(2);
    expect(address.connections).toBe(2);
    expect(await second.command("GET", "n")).toBe("2");
  });

  test("is noticed in scripts as well, at once and by 200 commands together, each executed once", async () => {
    const [first, second] = await Promise.all([serverForTest(), serverForTest()]);
    const address = await Address.of(first);
    const connection = connectionForTest(address.settings);
    await connection.command(["SET", "n", "0"], within());
    await connection.run(CACHE_INCR, ["n"], ["1"], within());
    await sleep(300);
    await second.command("SET", "n", "0");
    await failOver(address, first, second);
    await Promise.all(
      Array.from({ length: 200 }, () => connection.run(CACHE_INCR, ["n"], ["1"], within(2000))),
    );
    expect(await second.command("GET", "n")).toBe("200");
    expect(address.connections).toBe(2);
  });

  test("lets what was sent to the old server before be answered there", async () => {
    const [first, second] = await Promise.all([serverForTest(), serverForTest()]);
    const address = await Address.of(first);
    const connection = connectionForTest(address.settings);
    await connection.command(["SET", "key", "old"], within());
    await sleep(300);
    await failOver(address, first, second);
    const write = connection.command(["SET", "key", "new"], within(2000));
    const slow = connection.command(["DEBUG", "SLEEP", "0.3"], within());
    expect(await Promise.all([write, slow])).toEqual(["OK", "OK"]);
  });

  test("with a client of the application, the command is tried again until the client leads elsewhere", async () => {
    const [first, second] = await Promise.all([serverForTest(), serverForTest()]);
    const client = createClient({ url: second.url, disableOfflineQueue: true });
    client.on("error", () => {});
    await client.connect();
    onTestFinished(() => client.destroy());
    const connection = connectionForTest({ client });
    await second.command("REPLICAOF", "127.0.0.1", String(first.port));
    const write = connection.command(["SET", "key", "value"], within(5000));
    await sleep(100);
    await second.command("REPLICAOF", "NO", "ONE");
    expect(await write).toBe("OK");
  });
});

describeWithRedis("a server that goes on saying that it is the wrong one", () => {
  test("is believed within a second, before a longer deadline, as not sent", async () => {
    const primary = await serverForTest();
    const replica = await serverForTest({ config: [`replicaof 127.0.0.1 ${primary.port}`] });
    const connection = connectionForTest(replica.settings);
    const pending = connection.command(["SET", "key", "value"], within());
    expect(await timeOf(pending)).toBeLessThan(1000 + MARGIN);
    await expectServiceError(pending, "not-sent");
  });

  test("is believed at the deadline, when that comes first", async () => {
    const primary = await serverForTest();
    const replica = await serverForTest({ config: [`replicaof 127.0.0.1 ${primary.port}`] });
    const connection = connectionForTest(replica.settings);
    const pending = connection.command(["INCR", "n"], within(150));
    expect(await timeOf(pending)).toBeLessThan(150 + MARGIN);
    const error = await expectServiceError(pending, "not-sent");
    expect(error.message).toContain("with READONLY.");
  });

  test("is not flooded with connections by commands that come without a pause", async () => {
    const [primary, replica] = await Promise.all([serverForTest(), serverForTest()]);
    await replica.command("REPLICAOF", "127.0.0.1", String(primary.port));
    const address = await Address.of(replica);
    const connection = connectionForTest(address.settings);
    const end = performance.now() + 2000;
    while (performance.now() < end) {
      await errorOf(
        Promise.any(Array.from({ length: 10 }, () => connection.command(["SET", "k", "v"], within(100)))),
      );
    }
    // One each 250 ms at most.
    expect(address.connections).toBeLessThanOrEqual(9);
  });
});

describeWithRedis("a server that is the right one again within the deadline", () => {
  test.each([
    ["MASTERDOWN", ["GET", "key"], null],
    ["READONLY", ["SET", "key", "value"], "OK"],
  ] as const)("costs no command: %s", async (_code, args, reply) => {
    const server = await serverForTest({ config: ["replicaof 127.0.0.1 1", "replica-serve-stale-data no"] });
    if (args[0] === "SET") await server.command("CONFIG", "SET", "replica-serve-stale-data", "yes");
    const connection = connectionForTest(server.settings);
    const pending = connection.command(args, within(5000));
    await sleep(150);
    await server.command("REPLICAOF", "NO", "ONE");
    expect(await pending).toBe(reply);
  });

  test("costs no command: LOADING", async () => {
    const server = await serverForTest({
      config: ["key-load-delay 1500", "loading-process-events-interval-bytes 1024"],
    });
    for (let at = 0; at < 300; at++) await server.command("SET", `key${at}`, "x".repeat(1000));
    await server.command("SAVE");
    await server.restartLoading();
    const connection = connectionForTest(server.settings);
    expect(await connection.command(["GET", "key0"], within(10_000))).toHaveLength(1000);
  });
});

describeWithRedis("a password that changes", () => {
  test("is an error that says so once the connection has no rights any more, and no command is lost when it is right", async () => {
    const server = await serverForTest({ password: "old" });
    const connection = connectionForTest({ ...server.settings, password: "old" });
    await connection.command(["PING"], within());
    await sleep(300);
    // A connection that has lost its login, as after RESET behind a pooling proxy.
    await connection.command(["RESET"], within()).catch(() => {});
    expect(await connection.command(["SET", "key", "value"], within(2000))).toBe("OK");
    await server.command("CONFIG", "SET", "requirepass", "new");
    await sleep(300);
    await connection.command(["RESET"], within()).catch(() => {});
    const error = await expectServiceError(connection.command(["GET", "key"], within(2000)), "not-sent");
    expect(error.message).toContain("with WRONGPASS.");
  });
});
