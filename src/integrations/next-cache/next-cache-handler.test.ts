import { describe, expect, test, vi } from "vitest";

import { entryOf, openReplicas, type Replicas, streamOf, textOf } from "../../../test/support/next-cache.ts";
import { openCache } from "../../../test/support/cache-harness.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { nextCacheHandler } from "./index.ts";

const MINUTE = 60_000;
const SOFT = ["_N_T_/layout", "_N_T_/page"];

/** Makes an entry as Next does: a get, the call of the function, a set. */
async function make(
  { one, clock }: Replicas,
  text: string,
  parts?: Parameters<typeof entryOf>[2],
  key = "key",
): Promise<void> {
  expect(await one.get(key, SOFT)).toBeUndefined();
  const entry = entryOf(text, clock.now(), parts);
  clock.advance(20);
  await one.set(key, Promise.resolve(entry));
}

describe("an entry", () => {
  test("is a miss at first, and then a hit in both processes, with a stream for each", async () => {
    const replicas = openReplicas();
    const { one, other, clock, errors } = replicas;
    const at = clock.now();
    await make(replicas, '0:["päge"]', { tags: ["a", "b", "a"], stale: 1, expire: 100, revalidate: 10 });
    for (const handler of [one, one, other]) {
      const entry = await handler.get("key", SOFT);
      expect(entry).toMatchObject({ tags: ["a", "b"], stale: 1, timestamp: at, expire: 100, revalidate: 10 });
      expect(await textOf(entry)).toBe('0:["päge"]');
    }
    expect(errors).toEqual([]);
  });

  test.each([
    ["bytes that are no text", Uint8Array.of(0, 255, 254, 128, 10)],
    ["nothing", new Uint8Array()],
    ["text of all kinds", new TextEncoder().encode('~{"at":1}\n"\\\u0000\u{1F600}')],
  ])("keeps %s", async (_, bytes) => {
    const { one, other, clock } = openReplicas();
    await one.get("key", []);
    await one.set("key", Promise.resolve(entryOf(bytes, clock.now())));
    const entry = await other.get("key", []);
    expect(new Uint8Array(await new Response(entry?.value).arrayBuffer())).toEqual(bytes);
  });

  test("of several chunks is one, also where a character is divided", async () => {
    const { one, other, clock } = openReplicas();
    await one.get("key", []);
    const [first, rest] = [Uint8Array.of(0x61, 0xc3), Uint8Array.of(0xa4)];
    const entry = { ...entryOf("", clock.now()), value: streamOf([first, rest]) };
    await one.set("key", Promise.resolve(entry));
    expect(await textOf(await other.get("key", []))).toBe("aä");
  });

  test("is kept as long as Next lets it live, but not longer than maxAge", async () => {
    const replicas = openReplicas({ maxAge: "1d" });
    const { harness, one, clock } = replicas;
    await make(replicas, "hour", { expire: 3600 }, "hour");
    await make(replicas, "ever", { expire: Infinity, stale: Infinity, revalidate: Infinity }, "ever");
    const [hour, ever] = await Promise.all(
      (await harness.cache.keys("next:*"))
        .filter((key) => !/tag:|inval/.test(key))
        .map((key) => harness.cache.pttl(key)),
    );
    expect(new Set([hour, ever])).toEqual(new Set([3_600_000 - 40, 86_400_000]));
    expect(await one.get("ever", [])).toMatchObject({
      expire: Infinity,
      stale: Infinity,
      revalidate: Infinity,
    });
    clock.advance(3_600_000);
    expect(await one.get("hour", [])).toBeUndefined();
  });

  test("that may not be used again is not stored", async () => {
    const replicas = openReplicas();
    await make(replicas, "dynamic", { expire: 0 });
    expect(await replicas.other.get("key", SOFT)).toBeUndefined();
    expect(await replicas.harness.cache.keys("next:*")).toEqual(["next:invalidations"]);
  });

  test("that is larger than maxBytes is not stored, its rest is not read, and onError is told", async () => {
    const { one, other, clock, errors } = openReplicas({ maxBytes: 10 });
    let pulled = 0;
    const value = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(6 + pulled++)),
    });
    await one.get("key", []);
    await one.set("key", Promise.resolve({ ...entryOf("", clock.now()), value }));
    expect(await other.get("key", [])).toBeUndefined();
    expect(pulled).toBeLessThan(5);
    expect(errors).toEqual([expect.any(CacheUsageError)]);
    expect(String(errors[0])).toContain("10 bytes");
  });

  test("whose stream fails, or that never comes, is not stored", async () => {
    const { one, other, clock, errors } = openReplicas();
    const value = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(3));
        controller.error(new Error("a fault of the function"));
      },
    });
    await one.get("key", []);
    await one.set("key", Promise.resolve({ ...entryOf("", clock.now()), value }));
    await one.set("key", Promise.reject(new Error("a fault of the function")));
    expect(await other.get("key", [])).toBeUndefined();
    expect(errors).toEqual([]);
  });

  test("that is being stored is waited for", async () => {
    const { one, clock } = openReplicas();
    await one.get("key", []);
    let finish = (): void => {};
    const value = new ReadableStream<Uint8Array>({
      start(controller) {
        finish = () => {
          controller.enqueue(new TextEncoder().encode("late"));
          controller.close();
        };
      },
    });
    const storing = one.set("key", Promise.resolve({ ...entryOf("", clock.now()), value }));
    const reading = one.get("key", []);
    finish();
    expect(await textOf(await reading)).toBe("late");
    await storing;
  });

  test("has a key of its own, also one that is no well-formed text, and shows none of it", async () => {
    const { one, other, clock, harness } = openReplicas();
    const keys = ['["build","secret"]', "\uD800", "\uD801"];
    for (const key of keys) {
      await one.get(key, []);
      await one.set(key, Promise.resolve(entryOf(`of ${keys.indexOf(key)}`, clock.now())));
    }
    const texts = await Promise.all(keys.map(async (key) => textOf(await other.get(key, []))));
    expect(texts).toEqual(["of 0", "of 1", "of 2"]);
    expect((await harness.cache.keys("next:*")).join()).not.toContain("secret");
  });

  test("is a miss where another program has written to its key", async () => {
    const replicas = openReplicas();
    const { harness, one, clock } = replicas;
    await make(replicas, "page");
    const [key = ""] = (await harness.cache.keys("next:*")).filter((each) => !each.includes("inval"));
    for (const text of ['{"tags":1}', "no JSON", "null"]) {
      await harness.putRaw(`shop:1:${key}`, text);
      expect(await one.get("key", [])).toBeUndefined();
      await one.set("key", Promise.resolve(entryOf("again", clock.now())));
      expect(await textOf(await one.get("key", []))).toBe("again");
    }
  });
});

describe("commands", () => {
  test("a hit is one, with the tags of the entry and of the route", async () => {
    const replicas = openReplicas();
    const { harness, one } = replicas;
    await make(replicas, "page", { tags: ["a", "b"] });
    await one.get("key", SOFT);
    harness.calls.length = 0;
    await one.refreshTags();
    await one.get("key", SOFT);
    expect(harness.calls).toEqual(["getMany"]);
  });

  test("an entry without tags is stored by one", async () => {
    const { harness, one, clock } = openReplicas();
    await one.get("key", SOFT);
    harness.calls.length = 0;
    await one.set("key", Promise.resolve(entryOf("page", clock.now())));
    expect(harness.calls).toEqual(["fill"]);
  });
});

test("Next asks for the tags of the route at each get", async () => {
  expect(await openReplicas().one.getExpiration()).toBe(Infinity);
});

test("wrong options are refused, and a wrong cache", () => {
  const { cache } = openCache();
  const wrong: [unknown, string][] = [
    [{ maxBytes: 0 }, '"maxBytes"'],
    [{ maxAge: -1 }, '"maxAge"'],
    [{ maxAge: "never" }, '"maxAge"'],
    [{ maxWait: -1 }, '"maxWait"'],
    [{ prefix: "" }, "prefix"],
    [{ onError: 1 }, '"onError"'],
    [{ prefx: "a" }, "prefix"],
  ];
  for (const [options, message] of wrong) {
    expect(() => nextCacheHandler(cache, options as object)).toThrow(CacheUsageError);
    expect(() => nextCacheHandler(cache, options as object)).toThrow(message);
  }
  expect(() => nextCacheHandler({} as never)).toThrow(CacheUsageError);
  expect(() => nextCacheHandler(cache, { maxAge: null, maxWait: 0 })).not.toThrow();
});

test("without onError, a failure is a warning of the process", async () => {
  const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  const { cache, clock } = openCache();
  const handler = nextCacheHandler(cache, { maxBytes: 1 });
  await handler.get("key", []);
  await handler.set("key", Promise.resolve(entryOf("page", Date.now() + MINUTE)));
  expect(clock.now()).toBeLessThan(Date.now() + MINUTE);
  expect(emitWarning).toHaveBeenCalledExactlyOnceWith(
    expect.stringContaining("1 bytes"),
    expect.objectContaining({ code: "SOJOURN_NEXT_CACHE" }),
  );
  emitWarning.mockRestore();
});
