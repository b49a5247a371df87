import { describe, expect, test } from "vitest";

import { systemClock } from "../../../core/clock.ts";
import { newSessionKey } from "../../../core/ids.ts";
import { RedisRegistry } from "../../../redis/registry.ts";
import { redisSessionStore, type RedisSessionStoreOptions } from "../index.ts";
import { type StringKeyGenerators, StringKeys } from "./string-keys.ts";

const open = (options: RedisSessionStoreOptions) =>
  redisSessionStore(options)({ projectName: "shop", redis: new RedisRegistry(), clock: systemClock });
const keysWith = (generators: StringKeyGenerators) =>
  new StringKeys("shop:session:", generators, "redisSessionStore");

const reverse = (text: string) => text.split("").toReversed().join("");

describe("the names of strings", () => {
  test("are the namespace and the session key", () => {
    const key = newSessionKey();
    expect(keysWith({}).redisKeyOf(key)).toBe(`shop:session:${key}`);
    expect(keysWith({}).keyAt(`shop:session:${key}`)).toBe(key);
  });

  test.each<[string, StringKeyGenerators, (key: string) => string]>([
    ["s: in front", { keyGenerator: (key) => `s:${key}` }, (key) => `s:${key}`],
    [
      "a hash tag",
      { keyGenerator: (key) => `{${key.slice(0, 2)}}${key}` },
      (key) => `{${key.slice(0, 2)}}${key}`,
    ],
    ["turned around", { keyGenerator: reverse, sessionKeyOf: reverse }, reverse],
  ])("follow the generator, and lead back: %s", (_, generators, expected) => {
    const [keys, key] = [keysWith(generators), newSessionKey()];
    expect(keys.redisKeyOf(key)).toBe(`shop:session:${expected(key)}`);
    expect(keys.keyAt(keys.redisKeyOf(key))).toBe(key);
  });

  test("lead back from nothing that the generator does not make", () => {
    const key = newSessionKey();
    const sessionKeyOf = (text: string) => {
      if (!text.startsWith("s:")) throw new TypeError("foreign");
      return text.slice(2);
    };
    const keys = keysWith({ keyGenerator: (each) => `s:${each}`, sessionKeyOf });
    for (const foreign of [key, `t:${key}`, `s:s:${key}`, `s:${key}x`, "s:", ""]) {
      expect(keys.keyAt(`shop:session:${foreign}`)).toBeUndefined();
      expect(
        keysWith({ keyGenerator: (each) => `s:${each}` }).keyAt(`shop:session:${foreign}`),
      ).toBeUndefined();
    }
    expect(keysWith({}).keyAt(`shop:session:s:${key}`)).toBeUndefined();
  });
});

describe("key generators of redisSessionStore are tried at start", () => {
  test.each<[string, object]>([
    ["redisSessionStore.keyGenerator: expected a function", { keyGenerator: "s:" }],
    ["redisSessionStore.sessionKeyOf: expected a function", { sessionKeyOf: "s:" }],
    ["redisSessionStore.keyGenerator: expected it to return a text", { keyGenerator: () => 7 }],
    ["redisSessionStore.keyGenerator: expected it to return a text", { keyGenerator: () => "" }],
    [
      "redisSessionStore.keyGenerator: expected it to return the same",
      { keyGenerator: () => newSessionKey() },
    ],
    ["redisSessionStore.keyGenerator: expected it to work", { keyGenerator: () => JSON.parse("}") }],
    [
      "redisSessionStore.keyGenerator: expected a different text for each",
      { keyGenerator: (key: string) => key.slice(1) },
    ],
    ["redisSessionStore.keyGenerator: expected a different text for each", { keyGenerator: () => "one" }],
    [
      "redisSessionStore.sessionKeyOf: expected the session key",
      { keyGenerator: (key: string) => `${key}:s` },
    ],
    [
      "redisSessionStore.sessionKeyOf: expected the session key",
      { keyGenerator: (key: string) => key.replace("z", "y") },
    ],
    [
      "redisSessionStore.sessionKeyOf: expected the session key",
      { sessionKeyOf: (text: string) => text.slice(2) },
    ],
    ["redisSessionStore.sessionKeyOf: expected it to work", { sessionKeyOf: () => JSON.parse("}") }],
  ])("%s", (message, options) => {
    expect(() => open(options)).toThrow(message);
  });

  test("generators that work are accepted", () => {
    expect(open({ keyGenerator: (key) => `s:${key}` }).name).toBe("redis");
  });
});
