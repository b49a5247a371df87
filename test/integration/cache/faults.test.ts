import { expect, onTestFinished, test, vi } from "vitest";

import { RedisConnectionError } from "../../../src/core/errors.ts";
import {
  errorOf,
  expectConnectionError,
  MARGIN,
  serverForTest,
  timeOf,
} from "../../support/redis-connections.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { openCache } from "./support.ts";

const DEADLINE = 1000;

async function start() {
  const server = await serverForTest();
  const cache = openCache(server, { deadline: DEADLINE / 1000 });
  // The client library is loaded with the first call, which may take a busy machine longer than the deadline.
  await vi.waitFor(() => cache.set("k", 1, { timeout: null }));
  return { server, cache };
}

describeWithRedis("a cache whose server fails", () => {
  test("frozen: every call ends within the deadline with a typed error; after the thaw the next one succeeds", async () => {
    const { server, cache } = await start();
    server.freeze();
    onTestFinished(() => server.thaw());
    const many = Object.fromEntries(Array.from({ length: 1200 }, (_, index) => [`k${index}`, index]));
    const calls = [
      cache.get("k"),
      cache.set("k", 2),
      cache.add("k", 2),
      cache.touch("k"),
      cache.touch("k", null),
      cache.delete("k"),
      cache.has("k"),
      cache.getMany(Object.keys(many)),
      cache.setMany(many),
      cache.deleteMany(Object.keys(many)),
      cache.incr("k"),
      cache.decr("k"),
      cache.getOrSet("k", () => 1),
      cache.clear(),
      cache.ping(),
    ];
    const errors = calls.map(errorOf);
    expect(Math.max(...(await Promise.all(calls.map(timeOf))))).toBeLessThan(DEADLINE + MARGIN);
    for (const error of await Promise.all(errors)) expect(error).toBeInstanceOf(RedisConnectionError);
    server.thaw();
    await cache.ping();
    await cache.set("k", 3);
    expect(await cache.get("k")).toBe(3);
  });

  test("frozen while a loader runs: storing what it gave has a deadline of its own", async () => {
    const { server, cache } = await start();
    const result = cache.getOrSet("new", () => {
      server.freeze();
      return 1;
    });
    onTestFinished(() => server.thaw());
    const time = timeOf(result);
    await expectConnectionError(result, "unknown");
    expect(await time).toBeLessThan(DEADLINE + MARGIN);
  });

  test("gone: the error says that nothing was sent, no loader runs, and nothing is swallowed", async () => {
    const { server, cache } = await start();
    await server.kill();
    await errorOf(cache.ping());
    await expectConnectionError(cache.get("k", { default: 1 }), "not-sent");
    await expectConnectionError(cache.setMany({ a: 1, b: 2 }), "not-sent");
    await expectConnectionError(cache.clear(), "not-sent");
    const load = () => Promise.reject(new Error("not to be run"));
    await expectConnectionError(cache.getOrSet("k", load), "not-sent");
  });
});
