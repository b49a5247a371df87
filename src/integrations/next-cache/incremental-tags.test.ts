import { describe, expect, test } from "vitest";

import {
  type IncrementalReplicas,
  openIncrementalReplicas,
  PAGE,
  pageOf,
  render,
  seePage,
  writeContext,
} from "../../../test/support/next-incremental.ts";

const fetchContext = (tags: string[], softTags: string[] = []) =>
  ({ kind: "FETCH", tags, softTags }) as const;
const fetched = (body: string, revalidate = 900) => ({
  kind: "FETCH",
  data: { headers: {}, body, url: "https://example.org/" },
  revalidate,
});

async function fetchIn({ one, clock }: IncrementalReplicas, tags: string[], revalidate = 900): Promise<void> {
  const request = one();
  await request.get("hash", fetchContext(tags));
  clock.advance(1);
  await request.set("hash", fetched("text", revalidate), { fetchCache: true, tags });
}

describe("a page", () => {
  test.each([["a"], ["_N_T_/page"], [["b", "a"]]])(
    "is a miss for all once %s is invalidated",
    async (tags) => {
      const replicas = openIncrementalReplicas();
      await render(replicas, replicas.one, pageOf("old", ["a"]));
      await replicas.one().revalidateTag(["c", "page"]);
      expect(await seePage(replicas, replicas.other())).toEqual({ html: "old", age: "fresh" });
      await replicas.one().revalidateTag(tags);
      expect(await seePage(replicas, replicas.other())).toBeUndefined();
      await render(replicas, replicas.other, pageOf("new", ["a"]));
      expect(await seePage(replicas, replicas.one())).toEqual({ html: "new", age: "fresh" });
    },
  );

  test.each([
    ["a time", writeContext(900, 3600)],
    ["no time", writeContext(false)],
    ["no end", writeContext(900)],
  ])(
    "with %s is stale for all after an invalidation with a profile, and is made again",
    async (_, context) => {
      const replicas = openIncrementalReplicas();
      const { one, other, clock } = replicas;
      const first = one();
      await first.get("/page", PAGE);
      await first.set("/page", pageOf("old", ["a"]), context);
      clock.advance(1000);
      await one().revalidateTag(["a"], { expire: undefined });
      expect(await seePage(replicas, other())).toEqual({ html: "old", age: "stale" });
      const request = other();
      await request.get("/page", PAGE);
      await request.set("/page", pageOf("new", ["a"]), context);
      expect(await seePage(replicas, one())).toEqual({ html: "new", age: "fresh" });
    },
  );

  test("that is stale is a miss when the time of the invalidation is over", async () => {
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("old", ["a"]));
    await replicas.other().revalidateTag("a", { expire: 60 });
    replicas.clock.advance(59_999);
    expect(await seePage(replicas, replicas.one())).toMatchObject({ age: "stale" });
    replicas.clock.advance(1);
    expect(await seePage(replicas, replicas.one())).toBeUndefined();
  });

  test("is stale when its time has passed", async () => {
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("old"));
    replicas.clock.advance(900_001);
    expect(await seePage(replicas, replicas.other())).toEqual({ html: "old", age: "stale" });
  });

  test("that is rendered while its tag is invalidated is not used", async () => {
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("of before", ["a"]), () =>
      replicas.other().revalidateTag(["a"]),
    );
    expect(await seePage(replicas, replicas.other())).toBeUndefined();
  });

  test("that is rendered while its tag becomes stale is stale", async () => {
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("of before", ["a"]), () =>
      replicas.other().revalidateTag(["a"], { expire: 60 }),
    );
    expect(await seePage(replicas, replicas.other())).toMatchObject({ age: "stale" });
  });

  test("of which a request reads twice counts as rendered after the first read", async () => {
    const replicas = openIncrementalReplicas();
    const request = replicas.one();
    await request.get("/page", PAGE);
    await replicas.other().revalidateTag(["a"]);
    await request.get("/page", PAGE);
    await request.set("/page", pageOf("of before", ["a"]), writeContext());
    expect(await seePage(replicas, replicas.other())).toBeUndefined();
  });

  test("that is written without a read counts as rendered since the request began", async () => {
    const replicas = openIncrementalReplicas();
    await replicas.one().get("/another", PAGE);
    replicas.clock.advance(1000);
    const [request, second] = [replicas.one(), replicas.one()];
    await request.set("/page", pageOf("page", ["a"]), writeContext());
    expect(await seePage(replicas, replicas.other())).toMatchObject({ html: "page" });
    await replicas.other().revalidateTag(["a"]);
    await second.set("/page", pageOf("of before", ["a"]), writeContext());
    expect(await seePage(replicas, replicas.other())).toBeUndefined();
  });

  test("whose tag the store has forgotten is a miss", async () => {
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("page", ["a"]));
    await replicas.harness.cache.deleteMany(await replicas.harness.cache.keys("next:tag:*"));
    expect(await seePage(replicas, replicas.other())).toBeUndefined();
  });

  test("counts as of before an invalidation, whatever the clock of its process says", async () => {
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("page", ["a"]));
    replicas.clock.advance(-3_600_000);
    await replicas.other().revalidateTag(["a"]);
    replicas.clock.advance(3_600_000);
    expect(await seePage(replicas, replicas.one())).toBeUndefined();
  });
});

describe("a page that cannot be rendered again", () => {
  /** Next stores the old value once more, for a short time. */
  async function fail(replicas: IncrementalReplicas): Promise<void> {
    const request = replicas.other();
    const previous = await request.get("/page", PAGE);
    await request.set("/page", previous?.value ?? null, writeContext(3, 3600));
  }

  test("is served as it is for as long as Next says, and stale then", async () => {
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("old", ["a"]));
    await replicas.one().revalidateTag(["a"], { expire: 60 });
    for (let round = 0; round < 3; round++) {
      await fail(replicas);
      expect(await seePage(replicas, replicas.one())).toEqual({ html: "old", age: "fresh" });
      replicas.clock.advance(3001);
      expect(await seePage(replicas, replicas.one())).toEqual({ html: "old", age: "stale" });
    }
  });

  test("is a miss all the same when the time of the invalidation is over", async () => {
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("old", ["a"]));
    await replicas.one().revalidateTag(["a"], { expire: 60 });
    replicas.clock.advance(59_000);
    await fail(replicas);
    replicas.clock.advance(1000);
    expect(await seePage(replicas, replicas.one())).toBeUndefined();
  });
});

describe("the result of a fetch", () => {
  test.each([["a"], ["_N_T_/page"], ["of another caller"]])(
    "is a miss once %s is invalidated",
    async (tag) => {
      const replicas = openIncrementalReplicas();
      await fetchIn(replicas, ["a"]);
      const context = fetchContext(["a", "of another caller"], ["_N_T_/page"]);
      expect(await replicas.other().get("hash", context)).not.toBeNull();
      await replicas.other().revalidateTag(tag);
      expect(await replicas.one().get("hash", context)).toBeNull();
    },
  );

  test.each([60, 31_536_000, 0xfffffffe])(
    "that lives %d seconds is stale after one with a profile",
    async (time) => {
      const replicas = openIncrementalReplicas();
      await fetchIn(replicas, ["a"], time);
      await replicas.other().revalidateTag("a", {});
      const { clock } = replicas;
      const entry = await replicas.one().get("hash", fetchContext(["a"]));
      expect((clock.now() - (entry?.lastModified ?? 0)) / 1000).toBeGreaterThan(time);
      const asked = await replicas.one().get("hash", { ...fetchContext(["a"]), revalidate: 7200 });
      expect((clock.now() - (asked?.lastModified ?? 0)) / 1000).toBeGreaterThan(7200);
      expect(asked?.lastModified).not.toBe(-1);
    },
  );
});
