import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { buildNextApplication } from "../../../scripts/next-example.mjs";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { linesOf, outputOf, type Replica, startReplica } from "./replicas.ts";

const MINUTE = 60_000;

describeWithRedis("two replicas of a Next application on Redis", () => {
  const folder = mkdtempSync(join(tmpdir(), "next-cache-"));
  const [calls, errors] = [join(folder, "calls"), join(folder, "errors")];
  let server: RedisServer;
  let application: string;
  let one: Replica;
  let other: Replica;

  beforeAll(async () => {
    server = await RedisServer.start({ appendonly: true });
    application = await buildNextApplication("test/examples/next/cached-application");
    [one, other] = await Promise.all([start(), start()]);
  }, 5 * MINUTE);

  afterAll(async () => {
    await Promise.all([one.stop(), other.stop()]);
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (env: Readonly<Record<string, string>> = {}): Promise<Replica> =>
    startReplica(application, { REDIS_URL: server.url, CALLS: calls, ERRORS: errors, ...env });

  function countOf(name: string): number {
    return linesOf(calls).filter((line) => line === name).length;
  }

  const numberAt = async (replica: Replica, name: string): Promise<string> =>
    replica.text(`/numbers/${name}`);
  const pageAt = async (replica: Replica, name: string): Promise<string> =>
    outputOf(await replica.text(`/pages/${name}`));
  const revalidate = (replica: Replica, name: string, query = ""): Promise<string> =>
    replica.text(`/tags/${name}${query}`, { method: "POST" });

  /** Sends requests to both replicas at once. */
  const burst = <Result>(count: number, ask: (replica: Replica) => Promise<Result>): Promise<Result[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => ask(index % 2 === 0 ? one : other)));

  test("20 parallel requests of a cold page are one call of its function", async () => {
    const pages = await burst(20, (replica) => pageAt(replica, "cold"));
    expect(pages[0]).toMatch(/^cold: 0\.\d+$/);
    expect(new Set(pages).size).toBe(1);
    expect(countOf("page cold")).toBe(1);
  });

  test("20 parallel requests of a cold route are one call, in each of ten rounds", async () => {
    for (let round = 0; round < 10; round++) {
      const numbers = await burst(20, (replica) => numberAt(replica, `round-${round}`));
      expect(new Set(numbers).size).toBe(1);
      expect(countOf(`round-${round}`)).toBe(1);
    }
  });

  test("revalidateTag at one is seen at the other as soon as it has happened, in each of 30 rounds", async () => {
    let before = await numberAt(one, "tagged");
    const reads: number[] = [];
    for (let round = 0; round < 30; round++) {
      const [from, to] = round % 2 === 0 ? [one, other] : [other, one];
      expect(await numberAt(to, "tagged")).toBe(before);
      await revalidate(from, "tagged");
      // A route handler answers while Next still awaits the handlers of its caches.
      let after = before;
      let count = 0;
      for (; after === before && count < 10; count++) after = await numberAt(to, "tagged");
      reads.push(count);
      expect(after).not.toBe(before);
      expect(await numberAt(from, "tagged")).toBe(after);
      before = after;
    }
    process.stdout.write(`reads until revalidateTag was seen: ${reads.join(" ")}\n`);
  });

  test("revalidateTag with a profile serves the stale value, and a new one soon", async () => {
    const before = await numberAt(one, "stale");
    await revalidate(one, "stale", "?profile=max");
    expect(await numberAt(other, "stale")).toBe(before);
    await expect.poll(() => numberAt(other, "stale"), { timeout: 10_000 }).not.toBe(before);
    const after = await numberAt(other, "stale");
    expect(await numberAt(one, "stale")).toBe(after);
    expect(countOf("stale")).toBeLessThanOrEqual(3);
  });

  test("revalidatePath at one is seen at the other", async () => {
    const before = await pageAt(one, "path");
    expect(await pageAt(other, "path")).toBe(before);
    await revalidate(one, "any", "?path=/pages/path");
    await expect.poll(() => pageAt(other, "path")).not.toBe(before);
    expect(await pageAt(one, "path")).toBe(await pageAt(other, "path"));
  });

  test("a replica that dies while it renders leaves it to the other", async () => {
    const third = await start({ RENDER_TIME: "60000" });
    const lost = numberAt(third, "left").catch(() => "lost");
    await expect.poll(() => countOf("left"), { timeout: 10_000 }).toBe(1);
    const waiting = numberAt(one, "left");
    await third.stop();
    expect(await lost).toBe("lost");
    expect(JSON.parse(await waiting)).toMatchObject({ name: "left" });
    expect(countOf("left")).toBe(2);
  });

  test("a function that fails is called again, and fails no other request for longer", async () => {
    const answers = await burst(4, async (replica) => (await fetch(`${replica.url}/numbers/bad`)).status);
    expect(answers).toEqual([500, 500, 500, 500]);
  });

  test("while Redis is away pages are rendered, the failure is told, and no invalidation is lost", async () => {
    expect(linesOf(errors)).toEqual([]);
    const before = await numberAt(one, "outage");
    expect(await numberAt(other, "outage")).toBe(before);
    await server.kill();
    const during = await Promise.all([numberAt(one, "outage"), pageAt(other, "outage")]);
    expect(JSON.parse(during[0])).toMatchObject({ name: "outage" });
    expect(during[0]).not.toBe(before);
    expect(during[1]).toMatch(/^outage: /);
    await revalidate(one, "outage");
    expect(linesOf(errors).length).toBeGreaterThan(0);
    expect(linesOf(errors).length).toBeLessThan(10);
    await server.restart();
    await expect.poll(() => numberAt(other, "outage"), { timeout: 10_000, interval: 500 }).toBe(before);
    await expect.poll(() => isCached(one, "outage"), { timeout: 10_000, interval: 500 }).toBe(true);
    const after = await numberAt(one, "outage");
    expect(after).not.toBe(before);
    expect(await numberAt(other, "outage")).toBe(after);
  });

  async function isCached(replica: Replica, name: string): Promise<boolean> {
    return (await numberAt(replica, name)) === (await numberAt(replica, name));
  }
});
