import type { Cache } from "../../src/cache/index.ts";
import type { ManualClock } from "../../src/testing/manual-clock.ts";
import { CacheNextHandler } from "../../src/integrations/next-cache/cache-next-handler.ts";
import { type NextCacheHandlerOptions, resolveOptions } from "../../src/integrations/next-cache/options.ts";
import type { NextCacheEntry } from "../../src/integrations/next-cache/index.ts";
import { StoreConnectionError } from "../../src/core/errors.ts";
import type { CacheStore } from "../../src/stores/cache-store.ts";
import { type CacheHarness, openCache } from "./cache-harness.ts";

/** Two processes of one Next application, on a store in memory and a clock that the test moves. */
export interface Replicas {
  readonly harness: CacheHarness;
  readonly clock: ManualClock;
  readonly one: CacheNextHandler;
  readonly other: CacheNextHandler;
  readonly errors: unknown[];
  /** Waits of both for another process. A wait lets the same time pass. */
  readonly pauses: number[];
  /** Called at each wait. */
  onPause: () => void | Promise<void>;
}

export function openReplicas(
  options: NextCacheHandlerOptions = {},
  settings: Parameters<typeof openCache>[0] = {},
): Replicas {
  const harness = openCache(settings);
  const { cache, clock } = harness;
  const [errors, pauses]: [unknown[], number[]] = [[], []];
  const handlerOn = (on: Cache): CacheNextHandler => {
    const pause = async (span: number): Promise<void> => {
      pauses.push(span);
      clock.advance(span);
      await replicas.onPause();
    };
    const resolved = resolveOptions({ onError: (error) => void errors.push(error), ...options });
    return new CacheNextHandler(on.leasedEntries, resolved, { now: () => clock.now(), pause });
  };
  const { override: _override, random: _random, isLocal: _isLocal, ...cacheSettings } = settings;
  const replicas: Replicas = {
    harness,
    clock,
    one: handlerOn(cache),
    other: handlerOn(harness.other(cacheSettings)),
    errors,
    pauses,
    onPause: () => {},
  };
  return replicas;
}

/** Returns an entry as Next makes it. Times in seconds. */
export function entryOf(
  value: string | Uint8Array,
  timestamp: number,
  parts: Partial<Omit<NextCacheEntry, "value" | "timestamp">> = {},
): NextCacheEntry {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return {
    value: streamOf([bytes]),
    tags: [],
    stale: 30,
    timestamp,
    expire: 3600,
    revalidate: 900,
    ...parts,
  };
}

export function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

/** Reads the text of an entry; `undefined` for a miss. */
export async function textOf(entry: NextCacheEntry | undefined): Promise<string | undefined> {
  return entry && new Response(entry.value).text();
}

/** Commands of the cache handlers of Next. */
const COMMANDS = [
  "getMany",
  "ensureMany",
  "lease",
  "fill",
  "release",
  "set",
  "incr",
  "compareAndSet",
] as const;

/** Makes a store fail while the test says so. */
export function failingWhile(state: { readonly isDown: boolean }) {
  const fail = async (): Promise<never> => {
    throw new StoreConnectionError("The store is away.", { outcome: "not-sent" });
  };
  return {
    override: (store: CacheStore): Partial<CacheStore> =>
      Object.fromEntries(
        COMMANDS.map((name) => [
          name,
          (...given: never[]) =>
            state.isDown ? fail() : (store[name] as (...each: never[]) => unknown)(...given),
        ]),
      ),
  };
}
