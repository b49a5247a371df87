import { describe, expect, test } from "vitest";

import { RedisRegistry, type RedisSettings } from "./registry.ts";

describe("RedisRegistry", () => {
  test("has a default connection, even if its URL is not set", () => {
    expect(new RedisRegistry().names).toEqual(["default"]);
    expect(new RedisRegistry({ default: undefined, session: "redis://h" }).names).toEqual([
      "default",
      "session",
    ]);
    expect(new RedisRegistry().get().name).toBe("default");
  });

  test("knows its connections by name", () => {
    const registry = new RedisRegistry({ session: "redis://h" });
    expect(registry.has("session")).toBe(true);
    expect(registry.has("cache")).toBe(false);
    expect(registry.has("toString")).toBe(false);
    expect(registry.get("session")).toBe(registry.get("session"));
    expect(registry.get("session")).not.toBe(registry.get("default"));
  });

  test("suggests the connection that was probably meant", () => {
    expect(() => new RedisRegistry({ session: "redis://h" }).get("sesion")).toThrow(
      'redis.sesion: is not a setting; did you mean "session"?',
    );
  });

  test("an unset URL of a named connection is an error: sessions must not end up in another database", () => {
    expect(() => new RedisRegistry({ session: undefined })).toThrow("redis.session: expected a URL such as");
  });

  test.each<[unknown, string]>([
    ["redis://:hunter2@h", "redis: expected an object of named connections such as { default: "],
    [{ "my session": "redis://h" }, "redis: expected names of connections to be letters, digits, - and _."],
    [{ cache: { port: 0 } }, "redis.cache.port: expected a port from 1 to 65535, got 0 (number)."],
  ])("refuses %j", (settings, message) => {
    const make = (): unknown => new RedisRegistry(settings as RedisSettings);
    expect(make).toThrow(message);
    expect(make).not.toThrow("hunter2");
  });
});
