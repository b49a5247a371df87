import { expect, test } from "vitest";

import {
  connectionForTest,
  expectServiceError,
  serverForTest,
  within,
} from "../../support/redis-connections.ts";
import { describeWithRedis } from "../../support/redis-server.ts";

describeWithRedis("an error reply that refuses a command is a service error, not sent:", () => {
  test("OOM", async () => {
    const server = await serverForTest({ config: ["maxmemory 100kb", "maxmemory-policy noeviction"] });
    const connection = connectionForTest(server.settings);
    const error = await expectServiceError(
      connection.command(["SET", "a-secret-key", "value"], within()),
      "not-sent",
    );
    expect(error.message).toBe(
      'Redis connection "default": Redis answered SET with OOM. The server has used up its memory. Raise `maxmemory`, ' +
        "or set an eviction policy.",
    );
    expect(error.cause).toMatchObject({
      message: expect.stringMatching(/^OOM command not allowed/) as unknown,
    });
  });

  test("READONLY", async () => {
    const primary = await serverForTest();
    const replica = await serverForTest({ config: [`replicaof 127.0.0.1 ${primary.port}`] });
    const connection = connectionForTest(replica.settings);
    const error = await expectServiceError(connection.command(["SET", "key", "value"], within()), "not-sent");
    expect(error.message).toContain("with READONLY. The server is a replica. Connect to the primary.");
  });

  test("MASTERDOWN", async () => {
    const replica = await serverForTest({ config: ["replicaof 127.0.0.1 1", "replica-serve-stale-data no"] });
    const connection = connectionForTest(replica.settings);
    const error = await expectServiceError(connection.command(["GET", "key"], within()), "not-sent");
    expect(error.message).toContain("with MASTERDOWN.");
  });

  test("NOPERM", async () => {
    const server = await serverForTest({
      user: { name: "reader", password: "pw", rules: "~* +@read +@connection" },
    });
    const connection = connectionForTest({ ...server.settings, username: "reader", password: "pw" });
    const error = await expectServiceError(connection.command(["SET", "key", "value"], within()), "not-sent");
    expect(error.message).toContain("with NOPERM. The user's ACL does not allow SET: add +set to its rules.");
  });

  test("BUSY", async () => {
    const server = await serverForTest({ config: ["busy-reply-threshold 10"] });
    const connection = connectionForTest(server.settings);
    await connection.command(["PING"], within());
    const other = await server.client();
    const endless = other.sendCommand(["EVAL", "while true do end", "0"]).catch(() => {});
    const isBusy = async (): Promise<boolean> =>
      connection.command(["ECHO", "x"], within()).then(
        () => false,
        () => true,
      );
    while (!(await isBusy()));
    const error = await expectServiceError(connection.command(["GET", "key"], within()), "not-sent");
    expect(error.message).toContain("with BUSY.");
    await connection.command(["SCRIPT", "KILL"], within());
    await endless;
    other.destroy();
  });

  test("NOREPLICAS", async () => {
    const server = await serverForTest({ config: ["min-replicas-to-write 1"] });
    const connection = connectionForTest(server.settings);
    const error = await expectServiceError(connection.command(["SET", "key", "value"], within()), "not-sent");
    expect(error.message).toContain("with NOREPLICAS.");
  });

  test("an ERR at the handshake, such as too many clients", async () => {
    const server = await serverForTest({ config: ["maxclients 1"] });
    const first = connectionForTest(server.settings);
    await first.command(["PING"], within());
    const second = connectionForTest(server.settings);
    const error = await expectServiceError(second.command(["SET", "key", "value"], within()), "not-sent");
    expect(error.cause).toMatchObject({ message: "ERR max number of clients reached" });
  });
});

describeWithRedis("any other error reply", () => {
  test("is a service error of unknown outcome, with the server's message as its cause", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await connection.command(["SET", "key", "text"], within());
    const error = await expectServiceError(connection.command(["INCR", "key"], within()), "unknown");
    expect(error.message).toBe(
      'Redis connection "default": Redis answered INCR with ERR. See `cause` for the server\'s message.',
    );
    expect(error.cause).toMatchObject({ message: "ERR value is not an integer or out of range" });
  });

  test("that repeats the arguments is cut before them", async () => {
    const server = await serverForTest({ config: ['rename-command GET ""'] });
    const connection = connectionForTest(server.settings);
    const error = await expectServiceError(connection.command(["GET", "a-secret-key"], within()), "unknown");
    expect(error.cause).toMatchObject({ message: "ERR unknown command 'GET'" });
  });
});
