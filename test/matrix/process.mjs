// @ts-check
// A process of its own that shares a cache: see promises.test.mjs.
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import { createLimiter, createSojourn } from "sojourn";

const [task = "", url = "", keyPrefix = ""] = process.argv.slice(2);
const client = await createClient({ url }).connect();
const { caches, close } = createSojourn({
  projectName: "matrix",
  secretKey: "a secret of the matrix, long enough",
  redis: { default: url },
  caches: { default: { keyPrefix, deadline: "20s" } },
});
const cache = caches.default;

/** @type {Readonly<Record<string, () => Promise<unknown>>>} */
const TASKS = {
  load: () =>
    cache.getOrSet("key", async () => {
      await client.incr(`${keyPrefix}:count`);
      await sleep(100);
      return "loaded";
    }),
  // Answers with how many worked at the same time.
  lock: () =>
    cache.lock("key", { timeout: "20s", sleep: "5ms" }).run(async () => {
      await client.incr(`${keyPrefix}:count`);
      const working = await client.incr(`${keyPrefix}:working`);
      await client.decr(`${keyPrefix}:working`);
      return working;
    }),
  "limit-fixed": () => consume("fixed"),
  "limit-sliding": () => consume("sliding"),
};

/** @param {"fixed" | "sliding"} algorithm */
async function consume(algorithm) {
  return (
    await createLimiter(cache, { prefix: "login:", limit: 10, window: "1m", algorithm }).consume("visitor")
  ).isAllowed;
}

// A test run that is broken off leaves no process behind.
const leave = () => process.exit(1);
process.on("disconnect", leave);
process.once("message", () => void work());

async function work() {
  if (task === "close") {
    process.off("disconnect", leave);
    client.destroy();
    await close();
    process.disconnect();
    return;
  }
  const callers = task === "lock" ? 5 : 10;
  const run = TASKS[task] ?? (() => Promise.reject(new Error(`There is no task ${task}.`)));
  process.send?.(await Promise.all(Array.from({ length: callers }, run)));
}

await cache.ping();
process.send?.("ready");
