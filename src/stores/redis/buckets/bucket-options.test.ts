import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";

import { zlibCompressor } from "../../../cache/entry/compression.ts";
import { systemClock } from "../../../core/clock.ts";
import { RedisRegistry } from "../../../redis/registry.ts";
import { heedsDictionaries } from "./bucket-dictionaries.ts";
import { redisBucketSessionStore } from "../index.ts";

const open = (options: object = {}, format?: "django" | "json") =>
  redisBucketSessionStore(options)({
    projectName: "shop",
    redis: new RedisRegistry(),
    clock: systemClock,
    format,
  });

describe("the options of redisBucketSessionStore", () => {
  test("may all be omitted, and the format is json", () => {
    expect(open({}, "json").name).toBe("redis");
  });

  test("do not work with the format django; the message names the alternative", () => {
    expect(() => open({}, "django")).toThrow(
      'sessions.format: expected "json" with redisBucketSessionStore(), got "django"',
    );
  });

  test("may include a compressor of the cache", () => {
    expect(open({ compressor: zlibCompressor({ level: 9 }) }).name).toBe("redis");
  });

  test.each<[string, object]>([
    ["redisBucketSessionStore.prefix: expected a text that does not begin", { prefix: "1" }],
    ['did you mean "keyGenerator"', { keyGenerators: () => "" }],
    ["redisBucketSessionStore.keyGenerator: expected a function", { keyGenerator: "a" }],
    ["redisBucketSessionStore.hashKeyGenerator: expected it to spread", { hashKeyGenerator: () => "all" }],
    [
      'hashKeysCheckForExpiry: expected "all", a whole number of hashes from 1',
      { hashKeysCheckForExpiry: 0 },
    ],
    ["hashKeysCheckForExpiry: expected", { hashKeysCheckForExpiry: 1.5 }],
    ["redisBucketSessionStore.minLength: expected a whole number of bytes", { minLength: -1 }],
    [
      "redisBucketSessionStore.maxInflatedBytes: expected a whole number of bytes, from 1",
      { maxInflatedBytes: 0 },
    ],
    ["redisBucketSessionStore.compressor: expected a compressor", { compressor: {} }],
    ["dictionaries: expected an array of dictionaries, { id, bytes }, got", { dictionaries: { id: 1 } }],
    ["dictionaries[0].id: expected a whole number from 1 to 127, got nothing", withDictionaries({})],
    ["dictionaries[0].id: expected a whole number from 1 to 127, got 0", withDictionaries({ id: 0 })],
    ["dictionaries[0].id: expected a whole number from 1 to 127, got 1.5", withDictionaries({ id: 1.5 })],
    [
      "dictionaries[1].id: expected a whole number from 1 to 127, got 128",
      withDictionaries({ id: 1 }, { id: 128 }),
    ],
    [
      "dictionaries[2].id: expected a number that no other",
      withDictionaries({ id: 7 }, { id: 1 }, { id: 7 }),
    ],
    ["bytes: expected a Uint8Array of 1 to 32768 bytes", withDictionaries({ id: 1, bytes: "text" })],
    ["bytes: expected a Uint8Array of 1 to 32768 bytes", withDictionaries({ id: 1, bytes: Buffer.alloc(0) })],
    [
      "bytes: expected a Uint8Array of 1 to 32768 bytes",
      withDictionaries({ id: 1, bytes: Buffer.alloc(32_769) }),
    ],
    ['dictionaries[0].byte: is not a setting; did you mean "bytes"', withDictionaries({ id: 1, byte: 1 })],
    ["but it returned other bytes", compressingWith(deflateSync)],
    ["but it did not return a Uint8Array", compressingWith(async () => Buffer.alloc(0))],
    ["but it threw", compressingWith(() => JSON.parse("}"))],
  ])("a wrong option is refused at start: %s", (message, options) => {
    expect(() => open(options)).toThrow(message);
  });

  test.skipIf(!heedsDictionaries())("may include dictionaries from 1 to 127, each of up to 32 KiB", () => {
    const bytes = Buffer.alloc(32_768);
    expect(open(withDictionaries({ id: 127, bytes }, { id: 1, bytes: new Uint8Array(1) })).name).toBe(
      "redis",
    );
  });

  function withDictionaries(...dictionaries: object[]): object {
    return { dictionaries: dictionaries.map((each) => ({ bytes: Buffer.from("bytes"), ...each })) };
  }

  function compressingWith(decompress: (bytes: Uint8Array) => unknown): object {
    return { compressor: { compress: deflateSync, decompress } };
  }
});
