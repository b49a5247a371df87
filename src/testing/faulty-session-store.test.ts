import { describe, expect, test } from "vitest";

import { Deadline } from "../core/deadlines.ts";
import { StoreConnectionError } from "../core/errors.ts";
import { newSessionKey } from "../core/ids.ts";
import { MemorySessionStore } from "../stores/memory/memory-session-store.ts";
import { faultySessionStore, type StoreCall } from "./faulty-session-store.ts";
import { describeSessionStore } from "./session-store-contract/index.ts";
import { ManualClock } from "./manual-clock.ts";

const later = (): Deadline => new Deadline(30_000);

describeSessionStore({ describe, it: test }, "memory behind a faulty store without faults", {
  hasReadWithTtl: true,
  open: () => {
    const clock = new ManualClock();
    const store = faultySessionStore(new MemorySessionStore(clock), () => undefined);
    return { store, advance: (span) => clock.advance(span) };
  },
});

describe("faultySessionStore", () => {
  const inner = new MemorySessionStore(new ManualClock());

  test.each([
    { fail: "not-sent", outcome: "not-sent", isStored: false },
    { fail: "unknown-before", outcome: "unknown", isStored: false },
    { fail: "unknown-after", outcome: "unknown", isStored: true },
  ] as const)("$fail: fails as $outcome, executed: $isStored", async ({ fail, outcome, isStored }) => {
    const key = newSessionKey();
    const store = faultySessionStore(inner, () => ({ fail }));
    const error: unknown = await store
      .create(key, "record", 1000, later())
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StoreConnectionError);
    expect(error).toMatchObject({ outcome });
    expect(await inner.read(key, later())).toBe(isStored ? "record" : undefined);
  });

  test("the script gets the method and the number of its earlier calls", async () => {
    const calls: StoreCall[] = [];
    const store = faultySessionStore(inner, (call) => void calls.push(call));
    await store.ping(later());
    await store.read(newSessionKey(), later());
    await store.ping(later());
    expect(calls).toEqual([
      { method: "ping", index: 0 },
      { method: "read", index: 0 },
      { method: "ping", index: 1 },
    ]);
  });

  test("the methods of tombstones have names of their own for faults", async () => {
    const [name, methods] = [newSessionKey(), [] as string[]];
    const store = faultySessionStore(
      inner,
      ({ method }) => (methods.push(method), { fail: "unknown-after" }),
    );
    const error: unknown = await store.tombstones
      ?.add(name, "moved", 1000, later())
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ outcome: "unknown" });
    expect(await inner.tombstones.read(name, later())).toBe("moved");
    await expect(store.tombstones?.read(name, later())).rejects.toBeInstanceOf(StoreConnectionError);
    await expect(store.tombstones?.replace(name, "ended", 1000, later())).rejects.toBeInstanceOf(
      StoreConnectionError,
    );
    await expect(store.tombstones?.delete(name, later())).rejects.toBeInstanceOf(StoreConnectionError);
    expect(methods).toEqual(["tombstones.add", "tombstones.read", "tombstones.replace", "tombstones.delete"]);
  });

  test("a promise as delay holds the call until it resolves", async () => {
    const [key, order] = [newSessionKey(), [] as string[]];
    let release = (): void => {};
    const delay = new Promise<void>((resolve) => (release = resolve));
    const store = faultySessionStore(inner, () => ({ delay }));
    const creation = store.create(key, "record", 1000, later()).then(() => order.push("created"));
    await new Promise(setImmediate);
    expect(await inner.read(key, later())).toBeUndefined();
    order.push("released");
    release();
    await creation;
    expect(order).toEqual(["released", "created"]);
  });

  test("a delay in milliseconds lets time pass", async () => {
    const store = faultySessionStore(inner, () => ({ delay: 30 }));
    const start = performance.now();
    await store.ping(later());
    expect(performance.now() - start).toBeGreaterThan(25);
  });

  test("a scan can fail as well", async () => {
    const store = faultySessionStore(inner, () => ({ fail: "not-sent" }));
    await expect(store.scan(later)[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(
      StoreConnectionError,
    );
  });
});
