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
   * Runs something just before a step of a fill: the first marks the entry, the second stores it for
   * good. Commands of one turn stay in their order.
   */
  function fillWith(at: 1 | 2, act: () => Promise<unknown>) {
    let [steps, running]: [number, Promise<unknown> | undefined] = [0, undefined];
    return open((name, words) => {
      if (name === "ms" && words.length > 0 && ++steps === at) running ??= act();
      return running?.then(() => {});
    });
  }

  const STEPS = [1, 2] as const;

  test.each(STEPS)("a delete just before step %d of a fill wins", async (at) => {
    const lease = await leased();
    const store = fillWith(at, () => plain().deleteMany([lease.key], later()));
    const filled = await store.fill(lease, { value: "[1]", ttl: LIFE }, later());
    expect(filled).toEqual({ status: "superseded", value: undefined });
    expect(await rawMemcached(server.path, `mg ${lease.key} v`)).toBe("EN");
  });

  test("a delete that has ended the lease, and not yet deleted the entry, deletes it", async () => {
    const lease = await leased();
    let isMarked = (): void => {};
    const marked = new Promise<void>((resolve) => (isMarked = resolve));
    const filling = fillWith(2, async () => isMarked()).fill(lease, { value: "[1]", ttl: LIFE }, later());
    const deleting = open((name, words) => (name === "md" && words.length === 0 ? marked : undefined));
    await deleting.deleteMany([lease.key], later());
    await filling;
    expect(await plain().get(lease.key, later())).toBeUndefined();
  });

  test("no caller reads an entry between the steps of its fill, and none loads it", async () => {
    const lease = await leased();
    const seen: unknown[] = [];
    const look = async () => {
      seen.push(await plain().get(lease.key, later()));
      seen.push(await plain().lease({ ...lease, token: "theirs" }, 20_000, later()));
    };
    await fillWith(2, look).fill(lease, { value: "[1]", ttl: LIFE }, later());
    expect(seen).toEqual([undefined, { status: "busy", ended: 0 }]);
    expect(await plain().get(lease.key, later())).toBe("[1]");
    expect(await plain().renew(lease, 20_000, later())).toBe(false);
  });

  test("a write between the steps of a fill stays", async () => {
    const lease = await leased();
    const add = () => plain().set({ key: lease.key, value: "2", ttl: LIFE }, "if-absent", later());
    const filled = await fillWith(2, add).fill(lease, { value: "[1]", ttl: LIFE }, later());
    expect(filled).toEqual({ status: "superseded", value: "2" });
    expect(await plain().get(lease.key, later())).toBe("2");
  });

  test.each(STEPS)("another caller's lease before step %d keeps a late fill from staying", async (at) => {
    const lease = await leased();
    const takeOver = async () => {
      await plain().deleteMany([lease.key], later());
      await plain().lease({ ...lease, token: "theirs" }, 20_000, later());
    };
    const filled = await fillWith(at, takeOver).fill(lease, { value: "[1]", ttl: LIFE }, later());
    expect(filled).toEqual({ status: "superseded", value: undefined });
    const theirs = { ...lease, token: "theirs" };
    expect(await plain().fill(theirs, { value: "[2]", ttl: LIFE }, later())).toEqual({ status: "stored" });
    expect(await plain().get(lease.key, later())).toBe("[2]");
  });

  test.each(STEPS)(
    "a caller that begins to wait before step %d does not keep it from staying",
    async (at) => {
      const lease = await leased();
      const wait = () => plain().lease({ ...lease, token: "waiting" }, 20_000, later());
      const filled = await fillWith(at, wait).fill(lease, { value: "[1]", ttl: LIFE }, later());
      expect(filled).toEqual({ status: "stored" });
      const [left] = await plain().ttlMany([lease.key], later());
      expect(left).toBeGreaterThan(LIFE - 5000);
      expect(await plain().release(lease, later())).toBe(false);
    },
  );

  test.each(STEPS)("what Django stores just before step %d stays", async (at) => {
    const lease = await leased();
    const set = () => rawMemcached(server.path, `set ${lease.key} 2 60 1\r\n7`);
    const filled = await fillWith(at, set).fill(lease, { value: "[1]", ttl: LIFE }, later());
    expect(filled).toEqual({ status: "superseded", value: "7" });
  });

  const REMOVALS = [0, 1, 2] as const;

  test.each(REMOVALS)("a deletion of Django's before step %d of a reload wins", async (at) => {
    const key = `k${++keys}`;
    await plain().set({ key, value: "[0]", ttl: at === 1 ? null : LIFE }, "always", later());
    const reload = { key, token: "again", expected: "[0]" };
    await plain().lease(reload, 20_000, later());
    await plain().renew(reload, 20_000, later());
    const remove = () => rawMemcached(server.path, `delete ${key}`);
    if (at === 0) await remove();
    const store = at === 0 ? plain() : fillWith(at, remove);
    const filled = await store.fill(reload, { value: "[1]", ttl: LIFE }, later());
    expect(filled).toEqual({ status: "superseded", value: undefined });
    expect(await plain().get(key, later())).toBeUndefined();
    expect(await plain().lease({ ...reload, token: "next", expected: undefined }, 20_000, later())).toEqual({
      status: "leased",
    });
  });

  test("a process that ends in the middle of a fill leaves for 10 seconds what Django alone reads", async () => {
    const lease = await leased();
    const dying = fillWith(2, () => Promise.reject(new Error("killed")));
    await expect(dying.fill(lease, { value: "[1]", ttl: LIFE }, later())).rejects.toThrow("killed");
    expect(await rawMemcached(server.path, `mg ${lease.key} v t`)).toMatch(/^VA 3 t(?:10|[789])\r\n\[1\]$/);
    expect(await plain().get(lease.key, later())).toBeUndefined();
    expect(await plain().set({ key: lease.key, value: "2", ttl: LIFE }, "if-absent", later())).toBe(true);
  });

  describeCacheRaces(async () => [plain(), plain(), plain()]);
});
