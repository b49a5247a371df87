import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";

import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { openCache } from "../../../test/support/cache-harness.ts";
import {
  openIncrementalReplicas,
  PAGE,
  pageOf,
  render,
  seePage,
  writeContext,
} from "../../../test/support/next-incremental.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { nextIncrementalCacheHandler } from "./index.ts";

const FETCH = { kind: "FETCH", tags: [], softTags: [] } as const;
const fetched = (body: string) => ({
  kind: "FETCH",
  data: { headers: { "content-type": "text/plain" }, body, status: 200, url: "https://example.org/" },
  revalidate: 900,
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("an entry", () => {
  const values = {
    "a page": {
      ...pageOf("<p>päge</p>"),
      rscData: Buffer.from([0, 255, 254]),
      status: 200,
      postponed: "2:{}",
    },
    "a page without data": { kind: "APP_PAGE", html: "", rscData: undefined, segmentData: new Map() },
    "a response": {
      kind: "APP_ROUTE",
      body: Buffer.from([137, 80]),
      status: 201,
      headers: { a: ["b", "c"] },
    },
    "a page of the Pages Router": {
      kind: "PAGES",
      html: "<p>",
      pageData: { props: { at: null } },
      headers: {},
    },
    "a redirect": { kind: "REDIRECT", props: { pageProps: { __N_REDIRECT: "/" } } },
  };
  test.each(Object.entries(values))("keeps %s", async (_, value) => {
    const { one, other, clock, errors } = openIncrementalReplicas();
    const request = one();
    expect(await request.get("/page", PAGE)).toBeNull();
    await request.set("/page", value, writeContext(60, 3600));
    const read = await other().get("/page", PAGE);
    expect(read).toEqual({
      value: Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)),
      lastModified: clock.now(),
      cacheControl: { revalidate: 60, expire: 3600 },
    });
    expect(errors).toEqual([]);
  });

  test("keeps a page that does not exist", async () => {
    const { one, other } = openIncrementalReplicas();
    await one().get("/page", PAGE);
    const request = one();
    await request.get("/page", PAGE);
    await request.set("/page", null, writeContext(60));
    expect(await other().get("/page", PAGE)).toMatchObject({ value: null, cacheControl: { revalidate: 60 } });
  });

  test("keeps the result of a fetch", async () => {
    const { one, other } = openIncrementalReplicas();
    const request = one();
    expect(await request.get("hash", FETCH)).toBeNull();
    await request.set("hash", fetched("text"), { fetchCache: true, tags: ["a"] });
    expect(await other().get("hash", FETCH)).toMatchObject({ value: fetched("text") });
    // Keys of fetches, of pages and of images are of different makes.
    expect(await other().get("hash", PAGE)).toBeNull();
    expect(await other().get("hash", { kind: "IMAGE" })).toBeNull();
  });

  test("keeps an image, also of a process that has rendered nothing", async () => {
    const { one, other } = openIncrementalReplicas();
    const image = {
      kind: "IMAGE",
      etag: "e",
      upstreamEtag: "u",
      extension: "png",
      buffer: Buffer.from([1, 200]),
    };
    await one().set("image", image, { kind: "IMAGE", cacheControl: { revalidate: 60, expire: undefined } });
    expect(await other().get("image", { kind: "IMAGE" })).toMatchObject({ value: image });
  });

  test("is kept until it expires, but not longer than maxAge", async () => {
    const replicas = openIncrementalReplicas({ maxAge: "1d" });
    const { one, harness } = replicas;
    for (const [key, expire] of [
      ["/hour", 3600],
      ["/year", 31_536_000],
      ["/ever", undefined],
    ] as const) {
      const request = one();
      await request.get(key, PAGE);
      await request.set(key, pageOf(key), writeContext(60, expire));
    }
    const keys = (await harness.cache.keys("next:incremental:*")).toSorted();
    const times = await Promise.all(keys.map((key) => harness.cache.pttl(key)));
    expect(times.toSorted((a, b) => Number(a) - Number(b))).toEqual([3_600_000, 86_400_000, 86_400_000]);
  });

  test("that may not be used again is not stored", async () => {
    const { one, other } = openIncrementalReplicas();
    const request = one();
    await request.get("/page", PAGE);
    await request.set("/page", pageOf("dynamic"), writeContext(0));
    await request.set("hash", null, { fetchCache: true });
    expect(await other().get("/page", PAGE)).toBeNull();
  });

  test("that is larger than maxBytes is not stored, and onError is told", async () => {
    const { one, other, errors } = openIncrementalReplicas({ maxBytes: 100 });
    const request = one();
    await request.get("/page", PAGE);
    const page = { ...pageOf("<p>"), rscData: Buffer.alloc(101) };
    await request.set("/page", page, writeContext());
    expect(await other().get("/page", PAGE)).toBeNull();
    expect(errors).toEqual([expect.any(CacheUsageError)]);
    expect(String(errors[0])).toContain("100 bytes");
  });

  test("is a miss where another program has written to its key", async () => {
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("page"));
    const [key = ""] = await replicas.harness.cache.keys("next:incremental:*");
    for (const text of [
      '{"tags":1}',
      "no JSON",
      "null",
      '{"tags":[],"seen":1,"lastModified":1,"value":{}}',
    ]) {
      await replicas.harness.putRaw(`shop:1:${key}`, text);
      expect(await seePage(replicas, replicas.other())).toBeUndefined();
    }
  });

  test("has a key that shows nothing of the page", async () => {
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("page"));
    expect((await replicas.harness.cache.keys("next:*")).join()).not.toContain("page");
  });
});

describe("a build", () => {
  function folderOf(build: string): string {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "server"));
    writeFileSync(join(folder, "BUILD_ID"), build);
    return join(folder, "server");
  }

  test("has pages of its own, by the file BUILD_ID, and fetches in common with others", async () => {
    const { one, other, errors } = openIncrementalReplicas({ buildId: undefined });
    const [old, next, copy] = ["first", "second", "second"].map((build) => folderOf(build));
    const request = one(old);
    await request.get("/page", PAGE);
    await request.set("/page", pageOf("of the first"), writeContext());
    await request.set("hash", fetched("text"), { fetchCache: true, tags: [] });
    expect(await other(next).get("/page", PAGE)).toBeNull();
    expect(await other(next).get("hash", FETCH)).toMatchObject({ value: fetched("text") });
    const later = other(next);
    await later.get("/page", PAGE);
    await later.set("/page", pageOf("of the second"), writeContext());
    expect(await one(copy).get("/page", PAGE)).toMatchObject({ value: { html: "of the second" } });
    expect(await other(old).get("/page", PAGE)).toMatchObject({ value: { html: "of the first" } });
    expect(errors).toEqual([]);
  });

  test("without a name has no pages, which onError is told once; fetches are cached", async () => {
    const { one, other, errors } = openIncrementalReplicas({ buildId: undefined });
    const folder = temporaryFolder();
    for (let round = 0; round < 3; round++) {
      const request = one(join(folder, "server"));
      expect(await request.get("/page", PAGE)).toBeNull();
      await request.set("/page", pageOf("page"), writeContext());
      await request.get("hash", FETCH);
      await request.set("hash", fetched("text"), { fetchCache: true, tags: [] });
    }
    expect(errors).toEqual([expect.any(CacheUsageError)]);
    expect(String(errors[0])).toContain("buildId");
    expect(await other(folder).get("hash", FETCH)).toMatchObject({ value: fetched("text") });
  });

  test("that is being made stores no pages", async () => {
    vi.stubEnv("NEXT_PHASE", "phase-production-build");
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("page"));
    expect(replicas.harness.calls).toEqual([]);
  });
});

describe("commands", () => {
  test("a hit is one, with the tags of the page", async () => {
    const replicas = openIncrementalReplicas();
    await render(replicas, replicas.one, pageOf("page", ["a"]));
    await seePage(replicas, replicas.one());
    replicas.harness.calls.length = 0;
    replicas.one().resetRequestCache();
    await seePage(replicas, replicas.one());
    expect(replicas.harness.calls).toEqual(["getMany"]);
  });
});

test("wrong options are refused, and a wrong cache", () => {
  const { cache } = openCache();
  const wrong: [unknown, string][] = [
    [{ maxBytes: 0 }, '"maxBytes" of nextIncrementalCacheHandler()'],
    [{ maxAge: -1 }, '"maxAge" of nextIncrementalCacheHandler()'],
    [{ buildId: "" }, '"buildId" of nextIncrementalCacheHandler()'],
    [{ buildId: 7 }, '"buildId"'],
    [{ prefix: "" }, "prefix of nextIncrementalCacheHandler()"],
    [{ onError: 1 }, '"onError"'],
    [{ buildID: "a" }, "buildId"],
  ];
  for (const [options, message] of wrong) {
    expect(() => nextIncrementalCacheHandler(cache, options as object)).toThrow(CacheUsageError);
    expect(() => nextIncrementalCacheHandler(cache, options as object)).toThrow(message);
  }
  expect(() => nextIncrementalCacheHandler({} as never)).toThrow(CacheUsageError);
  expect(() => nextIncrementalCacheHandler(cache, { maxAge: null, maxWait: 0 })).not.toThrow();
});
