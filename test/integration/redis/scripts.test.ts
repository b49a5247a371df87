import { expect, test } from "vitest";

import { RedisScript } from "../../../src/redis/script.ts";
import {
  connectionForTest,
  expectServiceError,
  serverForTest,
  within,
} from "../../support/redis-connections.ts";
import { describeWithRedis } from "../../support/redis-server.ts";

const incr = (): RedisScript => new RedisScript("incr", "return redis.call('INCR', KEYS[1]) .. ARGV[1]");

describeWithRedis("a script", () => {
  test("is sent as text once a connection and by its hash afterwards, also when many run at once", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    const script = incr();
    const monitor = await server.monitor();
    const run = () => connection.run(script, ["n"], ["é"], within());
    const replies = await Promise.all([run(), run(), run()]);
    expect(replies).toEqual(["1é", "2é", "3é"]);
    expect(await monitor.take()).toEqual(["EVAL", "EVALSHA", "EVALSHA"]);
    monitor.stop();
  });

  test("that Redis has forgotten (SCRIPT FLUSH) is loaded again; none of its runs is lost or doubled", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    const script = incr();
    await connection.run(script, ["n"], ["."], within());
    await server.command("SCRIPT", "FLUSH");
    const runs = Array.from({ length: 100 }, () => connection.run(script, ["n"], ["."], within()));
    const replies = await Promise.all(runs);
    expect(replies.map((reply) => Number.parseInt(String(reply), 10)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 2),
    );
  });

  test("works on the new connection after a restart, which empties the server", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    const script = incr();
    await connection.run(script, ["n"], ["."], within());
    await server.restart();
    const replies: unknown[] = [];
    while (replies.length === 0) {
      await connection.run(script, ["n"], ["."], within()).then(
        (reply) => replies.push(reply),
        () => {},
      );
    }
    expect(replies).toEqual(["1."]);
  });

  test("that fails is a service error which names it, not its keys", async () => {
    const server = await serverForTest();
    const connection = connectionForTest(server.settings);
    await connection.command(["RPUSH", "a-secret-key", "x"], within());
    const script = incr();
    const error = await expectServiceError(
      connection.run(script, ["a-secret-key"], ["."], within()),
      "not-sent",
    );
    expect(error.message).toContain("Redis answered script incr with WRONGTYPE.");
    expect(`${error.message} ${String(error.cause)}`).not.toContain("a-secret-key");
    const broken = new RedisScript("broken", "return nonsense.x");
    await expectServiceError(connection.run(broken, [], [], within()), "unknown");
  });

  test("that is refused for want of memory says so as a command does", async () => {
    const server = await serverForTest({ config: ["maxmemory 100kb", "maxmemory-policy noeviction"] });
    const connection = connectionForTest(server.settings);
    const script = incr();
    const error = await expectServiceError(connection.run(script, ["n"], ["."], within()), "not-sent");
    expect(error.message).toContain("with OOM.");
  });
});
