import { expect, test } from "vitest";
import { anyDeadline, openHarness } from "../../test/support/session-harness.ts";

test("a request unknown to all adapters is refused with advice", async () => {
  const { sessions } = openHarness();
  await expect(sessions.from({})).rejects.toThrow(
    "sessions.from() was given a request that no adapter has seen. Mount one before the handlers that use sessions",
  );
});

test("create treats a key named __proto__ as a key", async () => {
  const { sessions } = openHarness();
  const session = await sessions.create(JSON.parse('{"__proto__":{"admin":true},"cart":1}') as object);
  expect(session.data["admin"]).toBeUndefined();
  const { data } = await sessions.open(session.cookieHeader);
  expect(Object.keys(data)).toStrictEqual(["__proto__", "cart"]);
});

test("open and create work without a request", async () => {
  const { sessions, store } = openHarness();
  const session = await sessions.create({ a: 1 });
  expect(session.cookieHeader).toMatch(/^sessionid=/);
  const opened = await sessions.open(`theme=dark; ${session.cookieHeader}`);
  expect(opened.data).toStrictEqual({ a: 1 });
  opened.data["b"] = 2;
  await opened.save();
  expect((await sessions.open(session.cookieHeader)).data).toStrictEqual({ a: 1, b: 2 });
  expect((await sessions.open(undefined)).isNew).toBe(true);
  expect((await sessions.create()).cookieHeader).toBeUndefined();
  await sessions.ping();
  expect(await sessions.clearExpired()).toBe(0);
  expect(await store.delete("a".repeat(32), anyDeadline())).toBe(false);
});
