import { describe, expect, test } from "vitest";

import type { CacheStore } from "../../stores/cache-store.ts";
import { entryOf, textOf } from "../../../test/support/next-cache.ts";
import {
  type IncrementalReplicas,
  openIncrementalReplicas,
  PAGE,
  pageOf,
  render,
  seePage,
  writeContext,
} from "../../../test/support/next-incremental.ts";
import { nextCacheHandler } from "./index.ts";

const FETCH = { kind: "FETCH", tags: ["a"] } as const;

/** Replicas of which a test runs code within an invalidation, once. */
function openWatched(command: "compareAndSet" | "incr", when: "before" | "after") {
  const state: { run: (() => Promise<unknown>) | undefined } = { run: undefined };
  const watch = async (): Promise<void> => {
    const { run } = state;
    state.run = undefined;
    await run?.();
  };
  const override = (store: CacheStore): Partial<CacheStore> => ({
    [command]: async (...given: never[]) => {
      if (when === "before") await watch();
      const result: unknown = await (store[command] as (...each: never[]) => unknown)(...given);
      if (when === "after") await watch();
      return result;
    },
  });
  return Object.assign(openIncrementalReplicas({}, { override }), { state });
}

async function fetchText({ one }: IncrementalReplicas): Promise<void> {
  const request = one();
  await request.get("hash", FETCH);
  const data = { headers: {}, body: "text", url: "https://example.org/" };
  const value = { kind: "FETCH", data, revalidate: 900 };
  await request.set("hash", value, { fetchCache: true, tags: ["a"] });
}

/** Renders a page of the result of a fetch. @returns Whether that is an old one. */
async function renderOfFetch({ one }: IncrementalReplicas): Promise<boolean> {
  const request = one();
  await request.get("/page", PAGE);
  const part = await request.get("hash", FETCH);
  await request.set("/page", pageOf("page", ["a"]), writeContext());
  return part !== null;
}

describe("during an invalidation", () => {
  test("a page of an old part is not used after it", async () => {
    const replicas = openWatched("compareAndSet", "before");
    await fetchText(replicas);
    const olds: boolean[] = [];
    replicas.state.run = async () => olds.push(await renderOfFetch(replicas));
    await replicas.one().revalidateTag(["a"]);
    expect(olds).toEqual([true]);
    expect(await seePage(replicas, replicas.other())).toBeUndefined();
  });

  test("a page of an old part is not used after it, also if others have counted meanwhile", async () => {
    const replicas = openWatched("compareAndSet", "before");
    await fetchText(replicas);
    const olds: boolean[] = [];
    replicas.state.run = async () => {
      await replicas.other().revalidateTag(["b"]);
      olds.push(await renderOfFetch(replicas));
    };
    await replicas.one().revalidateTag(["a"]);
    expect(olds).toEqual([true]);
    expect(await seePage(replicas, replicas.other())).toBeUndefined();
  });

  test("a request that finds the tags changed waits until it counts, and its page is used", async () => {
    const replicas = openWatched("incr", "before");
    await render(replicas, replicas.one, pageOf("old", ["a"]));
    let request = replicas.other();
    let reading: Promise<unknown> | undefined;
    replicas.onPause = async () => {
      if (replicas.pauses.length === 2) release();
    };
    let release = (): void => {};
    replicas.state.run = async () => {
      request = replicas.other();
      reading = request.get("/page", PAGE);
      await new Promise<void>((resolve) => (release = resolve));
    };
    await replicas.one().revalidateTag(["a"]);
    expect(await reading).toBeNull();
    await request.set("/page", pageOf("new", ["a"]), writeContext());
    expect(await seePage(replicas, replicas.one())).toEqual({ html: "new", age: "fresh" });
  });
});

test("an invalidation whose process dies before it counts is counted by another", async () => {
  const replicas = openWatched("incr", "before");
  await render(replicas, replicas.one, pageOf("old", ["a"]));
  replicas.state.run = () => Promise.reject(new Error("the process has died"));
  await expect(replicas.one().revalidateTag(["a"])).rejects.toThrow("died");
  expect(await seePage(replicas, replicas.other())).toBeUndefined();
  expect(replicas.pauses).toHaveLength(10);
  await render(replicas, replicas.other, pageOf("new", ["a"]));
  expect(await seePage(replicas, replicas.other())).toEqual({ html: "new", age: "fresh" });
});

describe("with both handlers", () => {
  test("functions and pages see an invalidation at once", async () => {
    const replicas = openIncrementalReplicas();
    const functions = nextCacheHandler(replicas.harness.cache);
    await functions.get("key", []);
    const entry = entryOf("old", performance.timeOrigin + performance.now(), { tags: ["a"] });
    await functions.set("key", Promise.resolve(entry));
    await render(replicas, replicas.one, pageOf("old", ["a"]));
    expect(await textOf(await functions.get("key", []))).toBe("old");
    await functions.updateTags(["a"]);
    expect(await seePage(replicas, replicas.other())).toBeUndefined();
    await render(replicas, replicas.one, pageOf("old", ["a"]));
    await replicas.one().revalidateTag(["a"]);
    expect(await functions.get("key", [])).toBeUndefined();
  });

  test("an invalidation that Next tells both is one, and the next one is another", async () => {
    const replicas = openIncrementalReplicas();
    const functions = nextCacheHandler(replicas.harness.cache);
    await render(replicas, replicas.one, pageOf("page", ["a"]));
    replicas.harness.calls.length = 0;
    const tellBoth = () => [functions.updateTags(["a"]), replicas.one().revalidateTag(["a"])];
    await Promise.all(tellBoth());
    expect(replicas.harness.calls).toEqual(["getMany", "compareAndSet", "incr"]);
    const first = tellBoth();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.all([...first, replicas.one().revalidateTag(["a"])]);
    expect(replicas.harness.calls.filter((call) => call === "incr")).toHaveLength(3);
  });
});
