import { expect, test } from "vitest";

import type { RedisServiceError } from "../../../src/core/errors.ts";
import { RedisScript } from "../../../src/redis/script.ts";
import * as scripts from "../../../src/stores/redis/scripts/scripts.ts";
import { connectionForTest, serverForTest, within } from "../../support/redis-connections.ts";
import { describeWithRedis, recentRedis } from "../../support/redis-server.ts";

const { CACHE_INCR, SESSION_COMMIT } = scripts;
const USER = { name: "app", password: "pw" };
const WRITES_FIRST = new RedisScript(
  "writes-first",
  "redis.call('HSET', KEYS[1], 'a', '1')\nreturn redis.call('PTTL', KEYS[1])",
);
const TWO_KEYS = new RedisScript(
  "two-keys",
  "redis.call('SET', 'own:a', '1')\nreturn redis.call('SET', 'others', '1')",
);

const servers = recentRedis === undefined ? ["redis-server"] : ["redis-server", recentRedis];

describeWithRedis("a command that the user's ACL does not allow inside of a script", () => {
  async function refusal(
    command: string,
    rules: string,
    script: RedisScript,
    keys: string[],
    args: string[],
  ): Promise<[string, RedisServiceError["outcome"], unknown]> {
    const server = await serverForTest({ command, user: { ...USER, rules: `~own:* +@all ${rules}` } });
    await server.command("SET", "own:record", "nonce and data");
    await server.command("SET", "own:n", "1");
    const { name: username, password } = USER;
    const connection = connectionForTest({ ...server.settings, username, password });
    const error = await connection.run(script, keys, args, within()).catch((thrown: unknown) => thrown);
    const { message, outcome } = error as RedisServiceError;
    return [
      message.replace(/^.*Redis answered /, ""),
      outcome,
      await server.command("EXISTS", "own:hash", "own:a"),
    ];
  }

  test.for(servers)(
    "is told as NOPERM with its name, not sent where nothing was changed before it: %s",
    async (command) => {
      expect(
        await refusal(command, "-set", SESSION_COMMIT, ["own:record"], ["1", "5", "nonce", "new", "1000"]),
      ).toEqual([
        "script session-commit with NOPERM. The user's ACL does not allow SET: add +set to its rules.",
        "not-sent",
        0,
      ]);
      expect(await refusal(command, "-incrby", CACHE_INCR, ["own:n"], ["1"])).toEqual([
        "script cache-incr with NOPERM. The user's ACL does not allow INCRBY: add +incrby to its rules.",
        "not-sent",
        0,
      ]);
      expect(await refusal(command, "-pttl", WRITES_FIRST, ["own:hash"], [])).toEqual([
        "script writes-first with NOPERM. The user's ACL does not allow PTTL: add +pttl to its rules.",
        "unknown",
        1,
      ]);
    },
  );

  test.for(servers)("is told for a key that is not allowed: %s", async (command) => {
    expect(await refusal(command, "", TWO_KEYS, ["own:x"], [])).toEqual([
      "script two-keys with NOPERM. The user's ACL does not allow this key for SET.",
      "unknown",
      1,
    ]);
    expect(await refusal(command, "", CACHE_INCR, ["others"], ["1"])).toEqual([
      "script cache-incr with NOPERM. The user's ACL does not allow this key.",
      "not-sent",
      0,
    ]);
  });

  test.for(servers)("is told for EVAL itself: %s", async (command) => {
    const [message, outcome] = await refusal(command, "-eval", CACHE_INCR, ["own:n"], ["1"]);
    expect(message).toContain("The user's ACL does not allow EVAL: add +eval to its rules.");
    expect(outcome).toBe("not-sent");
  });
});
