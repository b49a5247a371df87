import { expect, test, vi } from "vitest";

import { systemClock } from "../../../core/clock.ts";
import { ImproperlyConfigured } from "../../../core/errors.ts";
import { RedisRegistry } from "../../../redis/registry.ts";
import { redisBucketSessionStore } from "../index.ts";

// The zlib of a runtime that ignores preset dictionaries, as Deno 2.9 does.
vi.mock(import("node:zlib"), async (importActual) => {
  const actual = await importActual();
  return {
    ...actual,
    deflateRawSync: (bytes, options) => actual.deflateRawSync(bytes, { ...options, dictionary: undefined }),
  };
});

const openWith = (...dictionaries: { id: number; bytes: Uint8Array }[]) =>
  redisBucketSessionStore({ dictionaries })({
    projectName: "shop",
    redis: new RedisRegistry(),
    clock: systemClock,
    format: "json",
  });

test("dictionaries are refused at start if zlib ignores them, before a record counts as broken", () => {
  const open = () => openWith({ id: 1, bytes: Buffer.from("what many records have") });
  expect(open).toThrow(ImproperlyConfigured);
  expect(open).toThrow(
    "redisBucketSessionStore.dictionaries: expected none on this runtime, whose zlib ignores them",
  );
});

test("buckets without dictionaries work on such a runtime", () => {
  expect(openWith().name).toBe("redis");
});
