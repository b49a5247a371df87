// A process of its own that loads what it is told to: see loading-messages.ts.
import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "@redis/client";
import { type Cache, type CacheSettings, createSojourn } from "sojourn";
import { memcachedCacheStore } from "sojourn/stores/memcached";
import { redisCacheStore } from "sojourn/stores/redis";
import { tieredCacheStore } from "sojourn/stores/tiered";
import {
  LOADER_ERROR,
  type LoadingMessage,
  type LoadingStore,
  type LoadOutcome,
  type LoadRequest,
  overlapsOf,
  runningOf,
  runsOf,
} from "./loading-messages.ts";

const [url = "", storeName = "redis", address] = process.argv.slice(2);
const store = {
  redis: redisCacheStore,
  tiered: tieredCacheStore,
  memcached: () => memcachedCacheStore({ servers: address }),
  "memcached-django": () => memcachedCacheStore({ servers: address, format: "django" }),
}[storeName as LoadingStore["name"]]();
const client = createClient({ url });
await client.connect();
const caches = new Map<string, Cache>();

// A test run that is broken off leaves no process behind.
process.on("disconnect", () => process.exit(1));
process.on("message", (request: LoadRequest) => void answer(request));
await openCache({ keyPrefix: "warm" }).ping();
tell("ready");

async function answer({ id, ...request }: LoadRequest): Promise<void> {
  const callers = Array.from({ length: request.callers }, () => call(request));
  tell({ id, outcomes: await Promise.all(callers) });
}

function call({ settings, key, options, ...loader }: Omit<LoadRequest, "id">): Promise<LoadOutcome> {
  const cache = caches.get(settings.keyPrefix ?? "") ?? openCache(settings);
  return cache
    .getOrSet<unknown>(key, () => load(key, loader), options)
    .then(
      (value) => ({ value }),
      (error: unknown) => ({ error: String(error) }),
    );
}

async function load(key: string, { takes, gives }: Pick<LoadRequest, "takes" | "gives">): Promise<unknown> {
  await client.incr(runsOf(key));
  if ((await client.incr(runningOf(key))) > 1) await client.incr(overlapsOf(key));
  await pause(takes);
  await client.decr(runningOf(key));
  if (gives === undefined) throw new RangeError(LOADER_ERROR.slice("RangeError: ".length));
  return gives;
}

function openCache(settings: CacheSettings): Cache {
  const { caches: opened } = createSojourn({
    projectName: "loading",
    secretKey: "the secret of the loading processes",
    redis: { default: url },
    caches: { default: { store, ...settings } },
  });
  caches.set(settings.keyPrefix ?? "", opened.default);
  return opened.default;
}

function tell(message: LoadingMessage): void {
  process.send?.(message);
}
