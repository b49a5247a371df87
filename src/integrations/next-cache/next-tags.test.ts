import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { entryOf, openReplicas, type Replicas, textOf } from "../../../test/support/next-cache.ts";
import { invalidated, type TagState, VALID, verdictOf } from "./tag-states.ts";

const SOFT = ["_N_T_/layout"];

/** Makes an entry in one process. @param during Called while the function runs. */
async function make(
  { one, clock }: Replicas,
  text: string,
  tags: string[],
  during: () => Promise<void> = async () => {},
): Promise<void> {
  await one.get("key", SOFT);
  clock.advance(1);
  const entry = entryOf(text, clock.now(), { tags });
  clock.advance(20);
  await during();
  await one.set("key", Promise.resolve(entry));
}

async function statusOf({ other }: Replicas, softTags = SOFT): Promise<string> {
  const entry = await other.get("key", softTags);
  if (entry === undefined) return "miss";
  return entry.revalidate < 0 ? "stale" : "fresh";
}

describe("a tag", () => {
  test("that expires makes its entries misses in the other process, and no others", async () => {
    const replicas = openReplicas();
    await make(replicas, "page", ["a", "b"]);
    await replicas.one.updateTags(["c", "page"]);
    expect(await statusOf(replicas)).toBe("fresh");
    await replicas.one.updateTags(["b"]);
    expect(await statusOf(replicas)).toBe("miss");
    await make(replicas, "again", ["a", "b"]);
    expect(await textOf(await replicas.other.get("key", SOFT))).toBe("again");
  });

  test("with durations makes them stale, and misses when those are over", async () => {
    const replicas = openReplicas();
    await make(replicas, "page", ["a"]);
    await replicas.other.updateTags(["a"], { expire: 60 });
    expect(await statusOf(replicas)).toBe("stale");
    replicas.clock.advance(59_999);
    expect(await statusOf(replicas)).toBe("stale");
    replicas.clock.advance(1);
    expect(await statusOf(replicas)).toBe("miss");
  });

  test("leaves an entry that was made after it alone, also when its time is over", async () => {
    const replicas = openReplicas();
    await make(replicas, "page", ["a"]);
    await replicas.one.updateTags(["a"], { expire: 60 });
    // Next calls the function in the background, without a lease.
    await make(replicas, "again", ["a"]);
    replicas.clock.advance(61_000);
    expect(await textOf(await replicas.other.get("key", SOFT))).toBe("again");
    expect(await statusOf(replicas)).toBe("fresh");
  });

  test("without an end of its time keeps its entries stale as long as they live", async () => {
    const replicas = openReplicas();
    await make(replicas, "page", ["a"]);
    await replicas.one.updateTags(["a"], { expire: undefined });
    await replicas.one.updateTags(["a"], {});
    replicas.clock.advance(3_500_000);
    expect(await statusOf(replicas)).toBe("stale");
  });

  test("of the route makes the entry a miss there, and not elsewhere", async () => {
    const replicas = openReplicas();
    await make(replicas, "page", ["a"]);
    await replicas.one.updateTags(["_N_T_/blog"]);
    expect(await statusOf(replicas, ["_N_T_/layout", "_N_T_/blog"])).toBe("miss");
    expect(await statusOf(replicas, ["_N_T_/layout"])).toBe("fresh");
  });

  test("that expires while the function runs keeps the result from being used", async () => {
    const replicas = openReplicas();
    await make(replicas, "of before", ["a"], () => replicas.other.updateTags(["a"]));
    expect(await statusOf(replicas)).toBe("miss");
  });

  test("that becomes stale while the function runs makes the result stale", async () => {
    const replicas = openReplicas();
    await make(replicas, "of before", ["a"], () => replicas.other.updateTags(["a"], { expire: 60 }));
    expect(await statusOf(replicas)).toBe("stale");
  });

  test("that the store has forgotten makes its entries misses", async () => {
    const replicas = openReplicas();
    await make(replicas, "page", ["a"]);
    const keys = await replicas.harness.cache.keys("next:tag:*");
    await replicas.harness.cache.deleteMany(keys);
    expect(await statusOf(replicas)).toBe("miss");
  });

  test("counts, whatever the clock of the process that made the entry says", async () => {
    const replicas = openReplicas();
    const { one, other, clock } = replicas;
    await one.get("key", SOFT);
    // An hour ahead: by its time, the entry is younger than the invalidation.
    await one.set("key", Promise.resolve(entryOf("page", clock.now() + 3_600_000, { tags: ["a"] })));
    clock.advance(1000);
    await other.updateTags(["a"]);
    expect(await statusOf(replicas)).toBe("miss");
  });

  test("that all processes invalidate at once has the last invalidation", async () => {
    const replicas = openReplicas();
    await make(replicas, "page", ["a"]);
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? replicas.one : replicas.other).updateTags(
          ["a"],
          index === 7 ? undefined : { expire: 60 },
        ),
      ),
    );
    expect(await statusOf(replicas)).toBe("miss");
    await make(replicas, "again", ["a"]);
    expect(await statusOf(replicas)).toBe("fresh");
  });
});

test("the number of invalidations starts above all before, should the store lose it", async () => {
  const replicas = openReplicas();
  await make(replicas, "page", ["a"]);
  await replicas.one.updateTags(["a"]);
  await make(replicas, "again", ["a"]);
  await replicas.harness.cache.delete("next:invalidations");
  replicas.clock.advance(1);
  expect(await statusOf(replicas)).toBe("fresh");
  await replicas.other.updateTags(["a"]);
  expect(await statusOf(replicas)).toBe("miss");
  await make(replicas, "third", ["a"]);
  expect(await statusOf(replicas)).toBe("fresh");
});

describe("the state of a tag", () => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 100_000 }),
    expire: fc.constantFrom<number | "now" | undefined>("now", undefined, 0, 1, 60, 300),
  });

  test("never lets an entry be used longer than the invalidations after it allow", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.nat(12), fc.nat(400_000), (steps, seen, later) => {
        let [state, now]: [TagState, number] = [VALID, 0];
        let dead = false;
        let stale = false;
        const ends: number[] = [];
        steps.forEach(({ wait, expire }, index) => {
          now += wait;
          state = invalidated(state, index + 1, typeof expire === "string" ? undefined : { expire }, now);
          if (index + 1 <= seen) return;
          if (expire === "now") dead = true;
          stale = true;
          if (typeof expire === "number") ends.push(now + expire * 1000);
        });
        now += later;
        const mustBeDead = dead || ends.some((end) => now >= end);
        const allowed = mustBeDead ? ["expired"] : stale ? ["stale", "expired"] : ["fresh", "expired"];
        expect(allowed).toContain(verdictOf([state], seen, now));
      }),
    );
  });

  test("keeps a later invalidation that has come first", () => {
    const later: TagState = { expired: 0, stale: 6, until: 60_000 };
    const both = invalidated(later, 5, undefined, 0);
    expect([4, 5, 6].map((seen) => verdictOf([both], seen, 1))).toEqual(["expired", "stale", "fresh"]);
    const swapped = invalidated({ expired: 6 }, 5, { expire: 60 }, 0);
    expect([5, 6].map((seen) => verdictOf([swapped], seen, 1))).toEqual(["expired", "fresh"]);
    expect(invalidated({ expired: 6 }, 5, undefined, 0)).toEqual({ expired: 6 });
  });

  test("of two invalidations, the earlier end holds", () => {
    const first = invalidated(VALID, 1, { expire: 10 }, 0);
    const second = invalidated(first, 2, { expire: 60 }, 5000);
    expect(second).toEqual({ expired: 0, stale: 2, until: 10_000 });
    expect(invalidated(second, 3, { expire: 60 }, 20_000)).toEqual({ expired: 2, stale: 3, until: 80_000 });
    expect(verdictOf([second, VALID], 2, 99_000)).toBe("fresh");
  });
});
