import { describe, expect, test } from "vitest";

import { Deadline } from "../../core/deadlines.ts";
import { newSessionKey } from "../../core/ids.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { describeSessionStore } from "../../testing/session-store-contract/index.ts";
import { MemorySessionStore } from "./memory-session-store.ts";

const later = (): Deadline => new Deadline(30_000);

describeSessionStore({ describe, it: test }, "memory", {
  hasReadWithTtl: true,
  hasWatch: true,
  open: () => {
    const clock = new ManualClock();
    return { store: new MemorySessionStore(clock), advance: (span) => clock.advance(span) };
  },
});

describe("MemorySessionStore", () => {
  test("keeps no more than twice the live records, however many have expired unread", async () => {
    const clock = new ManualClock();
    const store = new MemorySessionStore(clock);
    for (let visitor = 0; visitor < 20_000; visitor++) {
      await store.create(newSessionKey(), "record", 1000, later());
      clock.advance(1);
    }
    // 1000 are live. Any others that clearExpired() still finds were kept in vain.
    expect(await store.clearExpired(later)).toBeLessThanOrEqual(1000);
  });

  test("clearExpired() returns the number of deleted records", async () => {
    const clock = new ManualClock();
    const store = new MemorySessionStore(clock);
    await store.create(newSessionKey(), "record", 1000, later());
    await store.create(newSessionKey(), "record", 1000, later());
    await store.create(newSessionKey(), "record", 5000, later());
    clock.advance(1000);
    expect(await store.clearExpired(later)).toBe(2);
    expect(await store.clearExpired(later)).toBe(0);
  });

  test("clearExpired() yields between its steps, and leaves records that are renewed then", async () => {
    const [clock, counts]: [ManualClock, number[]] = [new ManualClock(), []];
    const store = new MemorySessionStore(clock);
    const keys = Array.from({ length: 25_000 }, newSessionKey);
    for (const key of keys) await store.create(key, "record", 1000, later());
    clock.advance(1000);
    const last = keys.at(-1) ?? "";
    setImmediate(() => void store.create(last, "renewed", 60_000, later()));
    const cleared = await store.clearExpired(later, (progress) => counts.push(progress.cleared));
    expect(cleared).toBe(24_999);
    expect(counts).toEqual([10_000, 20_000, 24_999]);
    expect(await store.read(last, later())).toBe("renewed");
  });
});
