import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { buildNextApplication } from "../../../scripts/next-example.mjs";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { linesOf, outputOf, type Replica, startReplica } from "./replicas.ts";

const MINUTE = 60_000;
const SOON = { timeout: 10_000 };

describeWithRedis("two replicas of a Next application with its pages on Redis", () => {
  const folder = mkdtempSync(join(tmpdir(), "next-pages-"));
  const [calls, errors] = [join(folder, "calls"), join(folder, "errors")];
  const upstream = createServer((request, response) => response.end(`${request.url}: ${Math.random()}`));
  let server: RedisServer;
  let application: string;
  let one: Replica;
  let other: Replica;

  beforeAll(async () => {
    server = await RedisServer.start({ appendonly: true });
    upstream.listen(0);
    await once(upstream, "listening");
    application = await buildNextApplication("test/examples/next/cached-application");
    [one, other] = await Promise.all([start(), start()]);
  }, 5 * MINUTE);

  afterAll(async () => {
    await Promise.all([one.stop(), other.stop()]);
    upstream.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(env: Readonly<Record<string, string>> = {}): Promise<Replica> {
    const { port } = upstream.address() as AddressInfo;
    const UPSTREAM = `http://127.0.0.1:${port}`;
    return startReplica(application, {
      REDIS_URL: server.url,
      CALLS: calls,
      ERRORS: errors,
      RENDER_TIME: "50",
      UPSTREAM,
      ...env,
    });
  }

  const pageAt = async (replica: Replica, path: string): Promise<string> => {
    const output = outputOf(await replica.text(path));
    expect(output).not.toBe("");
    return output;
  };
  const revalidate = (replica: Replica, name: string, query = ""): Promise<string> =>
    replica.text(`/tags/${name}${query}`, { method: "POST" });

  /** Expects that both replicas give the same, and returns it. */
  async function same(read: (replica: Replica) => Promise<string>): Promise<string> {
    const text = await read(one);
    expect(await read(other)).toBe(text);
    return text;
  }

  /** Waits for invalidations and results of fetches, which Next stores while it sends the response. */
  async function settled(read: (replica: Replica) => Promise<string>): Promise<string> {
    const readAll = async (): Promise<number> => new Set([await same(read), await same(read)]).size;
    await expect.poll(() => readAll().catch(() => 0), SOON).toBe(1);
    return same(read);
  }

  test.each([
    ["a prerendered page", (replica: Replica) => pageAt(replica, "/prerendered"), "prerendered"],
    ["a prerendered route handler", (replica: Replica) => replica.text("/static"), "static"],
    ["the result of a fetch", (replica: Replica) => replica.text("/fetched/tag"), "fetched-tag"],
    ["a result of unstable_cache", (replica: Replica) => replica.text("/remembered/tag"), "remembered-tag"],
  ])(
    "%s is the same in both, and new in both after revalidateTag in one, in ten rounds",
    async (_, read, tag) => {
      let before = await settled(read);
      for (let round = 0; round < 10; round++) {
        const [from, to] = round % 2 === 0 ? [one, other] : [other, one];
        await revalidate(from, tag);
        await expect.poll(() => read(to), SOON).not.toBe(before);
        before = await settled(read);
      }
      // It stays as it is.
      await new Promise((resolve) => void setTimeout(resolve, 300));
      expect(await same(read)).toBe(before);
    },
  );

  test.each([
    ["a prerendered page", (replica: Replica) => pageAt(replica, "/prerendered"), "prerendered"],
    ["a prerendered route handler", (replica: Replica) => replica.text("/static"), "static"],
    ["the result of a fetch", (replica: Replica) => replica.text("/fetched/stale"), "fetched-stale"],
    [
      "a result of unstable_cache",
      (replica: Replica) => replica.text("/remembered/stale"),
      "remembered-stale",
    ],
  ])("%s is served once more after revalidateTag with a profile, and new soon", async (_, read, tag) => {
    const before = await settled(read);
    await revalidate(one, tag, "?profile=max");
    expect(await read(other)).toBe(before);
    await expect.poll(() => read(other), SOON).not.toBe(before);
    await settled(read);
  });

  test("a prerendered page is new in both after its time", async () => {
    const before = await same((replica) => pageAt(replica, "/timed"));
    await expect.poll(() => pageAt(one, "/timed"), SOON).not.toBe(before);
    expect(await pageAt(other, "/timed")).not.toBe(before);
  });

  test.each([
    ["/prerendered", (replica: Replica) => pageAt(replica, "/prerendered")],
    ["/static", (replica: Replica) => replica.text("/static")],
    ["/fetched/path", (replica: Replica) => replica.text("/fetched/path")],
  ])("revalidatePath of %s in one is seen in the other", async (path, read) => {
    const before = await settled(read);
    await revalidate(one, "any", `?path=${path}`);
    await expect.poll(() => read(other), SOON).not.toBe(before);
    await settled(read);
  });

  test("a page of the Pages Router that one revalidates is new in the other", async () => {
    const read = (replica: Replica): Promise<string> => pageAt(replica, "/legacy");
    const before = await same(read);
    expect(await one.text("/api/revalidate")).toBe("done");
    expect(await same(read)).not.toBe(before);
  });

  test("another replica of the build has its pages, and another build has its own", async () => {
    const before = await same((replica) => pageAt(replica, "/legacy"));
    const [third, next] = await Promise.all([start(), start({ BUILD: "the next build" })]);
    expect(await pageAt(third, "/legacy")).toBe(before);
    expect(await pageAt(next, "/legacy")).not.toBe(before);
    expect(await pageAt(one, "/legacy")).toBe(before);
    const fetched = await settled((replica) => replica.text("/fetched/build"));
    expect(await next.text("/fetched/build")).toBe(fetched);
    await Promise.all([third.stop(), next.stop()]);
  });

  test("while Redis is away pages are rendered, and no invalidation is lost", async () => {
    expect(linesOf(errors)).toEqual([]);
    const read = (replica: Replica): Promise<string> => pageAt(replica, "/prerendered");
    const before = await same(read);
    await server.kill();
    expect(await read(one)).not.toBe(before);
    expect(await pageAt(other, "/legacy")).toMatch(/^legacy: 0\./);
    expect(await one.text("/fetched/tag")).toMatch(/^\/tag: 0\./);
    await revalidate(one, "prerendered");
    expect(linesOf(errors).length).toBeGreaterThan(0);
    expect(linesOf(errors).length).toBeLessThan(20);
    await server.restart();
    await expect.poll(() => read(other), { ...SOON, interval: 500 }).toBe(before);
    await expect.poll(async () => (await read(one)) !== before, { ...SOON, interval: 500 }).toBe(true);
    expect(await settled(read)).not.toBe(before);
  });
});
