import type { CacheHandler } from "next/cache.js";
import { nextCacheHandler } from "sojourn/integrations/next-cache";
import { cache } from "./cache.js";

const handler: CacheHandler = nextCacheHandler(cache, { maxWait: "2s" });
// @ts-expect-error The option is called maxWait.
const wrong = () => nextCacheHandler(cache, { timeout: 60 });

await handler.refreshTags();
const missed = await handler.get("key", []);
const value = new ReadableStream<Uint8Array>({
  start(controller) {
    controller.enqueue(new TextEncoder().encode("page"));
    controller.close();
  },
});
const timestamp = performance.timeOrigin + performance.now();
await handler.set(
  "key",
  Promise.resolve({ value, tags: ["a"], stale: 30, timestamp, expire: 3600, revalidate: 900 }),
);
const entry = await handler.get("key", []);
const text = entry && (await new Response(entry.value).text());
await handler.updateTags(["a"]);
const left = await handler.get("key", []);
const works = missed === undefined && text === "page" && left === undefined && typeof wrong === "function";
process.stdout.write(`${works}\n`);
