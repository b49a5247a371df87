import type { Cache } from "../../src/cache/index.ts";
import type {
  NextIncrementalCacheHandler,
  NextIncrementalCacheHandlerOptions,
  NextIncrementalEntry,
  NextIncrementalSetContext,
  NextIncrementalValue,
} from "../../src/integrations/next-cache/index.ts";
import { incrementalHandlerOn } from "../../src/integrations/next-cache/next-incremental-cache-handler.ts";
import type { ManualClock } from "../../src/testing/manual-clock.ts";
import { type CacheHarness, openCache } from "./cache-harness.ts";

/** Begins a request in a process. */
export type BeginRequest = (serverDistDir?: string) => NextIncrementalCacheHandler;

/** Two processes of one Next application, on a store in memory and a clock that the test moves. */
export interface IncrementalReplicas {
  readonly harness: CacheHarness;
  readonly clock: ManualClock;
  readonly one: BeginRequest;
  readonly other: BeginRequest;
  readonly errors: unknown[];
  /** Waits of both for another process. A wait lets the same time pass. */
  readonly pauses: number[];
  /** Called at each wait. */
  onPause: () => void | Promise<void>;
}

export function openIncrementalReplicas(
  options: NextIncrementalCacheHandlerOptions = {},
  settings: Parameters<typeof openCache>[0] = {},
): IncrementalReplicas {
  const harness = openCache(settings);
  const { cache, clock } = harness;
  const [errors, pauses]: [unknown[], number[]] = [[], []];
  const processOn = (on: Cache): BeginRequest => {
    const pause = async (span: number): Promise<void> => {
      pauses.push(span);
      clock.advance(span);
      await replicas.onPause();
    };
    const given = { onError: (error: unknown) => void errors.push(error), buildId: "a build", ...options };
    const Handler = incrementalHandlerOn(on, given, { now: () => clock.now(), pause });
    return (serverDistDir) => new Handler({ serverDistDir });
  };
  const { override: _override, random: _random, isLocal: _isLocal, ...cacheSettings } = settings;
  const replicas: IncrementalReplicas = {
    harness,
    clock,
    one: processOn(cache),
    other: processOn(harness.other(cacheSettings)),
    errors,
    pauses,
    onPause: () => {},
  };
  return replicas;
}

/** Context of a read of a page, as Next gives it. */
export const PAGE = { kind: "APP_PAGE", isFallback: false, isRoutePPREnabled: false } as const;

/** Returns a page as Next renders it. */
export function pageOf(html: string, tags: readonly string[] = []) {
  return {
    kind: "APP_PAGE",
    html,
    rscData: Buffer.from(`0:${JSON.stringify(html)}`),
    headers: { "x-next-cache-tags": ["_N_T_/layout", "_N_T_/page", ...tags].join(",") },
    postponed: undefined,
    status: undefined,
    segmentData: new Map([["/_tree", Buffer.from("tree")]]),
  };
}

/** Returns the context of a write of a page. Times in seconds. */
export function writeContext(revalidate: number | false = 900, expire?: number): NextIncrementalSetContext {
  return { ...PAGE, cacheControl: { revalidate, expire } };
}

/** Result of a read, as Next takes it: `age` is `"stale"` for an entry that it serves and makes again. */
export interface Seen {
  readonly html: unknown;
  readonly age: "fresh" | "stale" | "expired";
}

/** Reads a page as Next 16 does. */
export async function seePage(
  { clock }: IncrementalReplicas,
  request: NextIncrementalCacheHandler,
  key = "/page",
): Promise<Seen | undefined> {
  const entry = await request.get(key, PAGE);
  return entry === null ? undefined : { html: htmlOf(entry.value), age: ageOf(entry, clock.now()) };
}

/** Renders a page as Next does: a read, and a write. @param during Called while it is rendered. */
export async function render(
  replicas: IncrementalReplicas,
  begin: BeginRequest,
  page: NextIncrementalValue,
  during: () => Promise<void> = async () => {},
): Promise<void> {
  const request = begin();
  await request.get("/page", PAGE);
  replicas.clock.advance(20);
  await during();
  await request.set("/page", page, writeContext());
}

/** The rules of `IncrementalCache.get()`, Next 16.4. */
function ageOf({ lastModified, cacheControl }: NextIncrementalEntry, now: number): Seen["age"] {
  if (cacheControl?.expire !== undefined && cacheControl.expire * 1000 + lastModified < now) return "expired";
  const { revalidate } = cacheControl ?? { revalidate: false };
  return revalidate !== false && revalidate * 1000 + lastModified < now ? "stale" : "fresh";
}

function htmlOf(value: NextIncrementalValue | null): unknown {
  return value !== null && "html" in value ? value.html : undefined;
}
