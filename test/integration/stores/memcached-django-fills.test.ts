import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import type { Lease } from "../../../src/stores/cache-store.ts";
import { CellCacheStore } from "../../../src/stores/cell-cache-store.ts";
import { MemcachedClient } from "../../../src/stores/memcached/client/memcached-client.ts";
import { parseServers } from "../../../src/stores/memcached/client/server-address.ts";
import { DjangoCells } from "../../../src/stores/memcached/django/django-cells.ts";
import { describeWithMemcached, MemcachedServer } from "../../support/memcached-server.ts";
import { rawMemcached } from "../../support/raw-memcached.ts";
import { describeCacheRaces } from "./cache-races.ts";
import { later } from "./cache-store-support.ts";

const LIFE = 60_000;

describeWithMemcached("loads of entries in Django's form", () => {
  let server: MemcachedServer;
  let keys = 0;

  beforeAll(async () => {
    server = await MemcachedServer.start();
  });

  afterAll(() => server?.stop());

  /** @param before Runs before each command of the store. */
  function open(before: (name: string, words: readonly string[]) => Promise<void> | undefined) {
    const client = new MemcachedClient({ servers: parseServers(server.path, "servers") });
    const ask = client.ask.bind(client);
    client.ask = async (name, item, words, deadline, value) => {
      // Only what depends on another caller's step waits for one: the rest leaves together, as it would.
      const pause = before(name, words);
      if (pause !== undefined) await pause;
      return ask(name, item, words, deadline, value);
    };
    const cells = new DjangoCells({
      client,
      clock: systemClock,
      maxItemBytes: 1_000_000,
      readsBytes: false,
    });
    return new CellCacheStore({
      name: "memcached",
      cells,
      clock: systemClock,
      values: "text",
      hasLeases: true,
    });
  }

  const plain = () => open(() => undefined);

  const leased = async (): Promise<Lease> => {
    const lease = { key: `k${++keys}`, token: "mine", expected: undefined };
    expect(await plain().lease(lease, 20_000, later())).toEqual({ status: "leased" });
    return lease;
  };

  /**
   * Runs a step just before the store of a fill, or between it and the end of its lease: commands of
   * one turn stay in their order.
   */
  function fillWith(at: "ms" | "md", step: () => Promise<unknown>) {
    let running: Promise<unknown> | undefined;
    return open((name, words) => {
      if (name === at && words.length > 0) running ??= step();
      return running?.then(() => {});
    });
  }

  test.each(["ms", "md"] as const)(
    "a delete just before the %s of a fill wins: the entry is taken back",
    async (at) => {
      const lease = await leased();
      const store = fillWith(at, () => plain().deleteMany([lease.key], later()));
      const filled = await store.fill(lease, { value: "[1]", ttl: LIFE }, later());
      expect(filled).toEqual({ status: "superseded", value: undefined });
      expect(await plain().get(lease.key, later())).toBeUndefined();
    },
  );

  test("a lease that another caller has taken after its end keeps a late fill from staying", async () => {
    const lease = await leased();
    const takeOver = async () => {
      await plain().deleteMany([lease.key], later());
      await plain().lease({ ...lease, token: "theirs" }, 20_000, later());
    };
    const filled = await fillWith("md", takeOver).fill(lease, { value: "[1]", ttl: LIFE }, later());
    expect(filled).toEqual({ status: "superseded", value: undefined });
    expect(await plain().fill({ ...lease, token: "theirs" }, { value: "[2]", ttl: LIFE }, later())).toEqual({
      status: "stored",
    });
    expect(await plain().get(lease.key, later())).toBe("[2]");
  });

  test("a caller that begins to wait during a fill does not keep it from staying", async () => {
    const lease = await leased();
    const wait = () => plain().lease({ ...lease, token: "waiting" }, 20_000, later());
    const filled = await fillWith("md", wait).fill(lease, { value: "[1]", ttl: LIFE }, later());
    expect(filled).toEqual({ status: "stored" });
    expect(await plain().ttlMany([lease.key], later())).toEqual([LIFE]);
    expect(await plain().renew(lease, 20_000, later())).toBe(false);
  });

  test("what Django stores or deletes just before the store of a fill stays", async () => {
    const lease = await leased();
    const set = () => rawMemcached(server.path, `set ${lease.key} 2 60 1\r\n7`);
    const filled = await fillWith("ms", set).fill(lease, { value: "[1]", ttl: LIFE }, later());
    expect(filled).toEqual({ status: "superseded", value: "7" });
    const reload = { key: lease.key, token: "again", expected: "7" };
    await plain().lease(reload, 20_000, later());
    const remove = () => rawMemcached(server.path, `delete ${lease.key}`);
    const refilled = await fillWith("ms", remove).fill(reload, { value: "[1]", ttl: LIFE }, later());
    expect(refilled).toEqual({ status: "superseded", value: undefined });
    expect(await plain().get(lease.key, later())).toBeUndefined();
  });

  test("a process that ends in the middle of a fill leaves its value for 10 seconds at most", async () => {
    const lease = await leased();
    const dying = open((name, words) =>
      name === "md" && words.length > 0 ? Promise.reject(new Error("killed")) : undefined,
    );
    await expect(dying.fill(lease, { value: "[1]", ttl: LIFE }, later())).rejects.toThrow("killed");
    expect(await rawMemcached(server.path, `mg ${lease.key} v t`)).toMatch(/^VA 3 t(?:10|9)\r\n\[1\]$/);
  });

  describeCacheRaces(async () => [plain(), plain(), plain()]);
});
