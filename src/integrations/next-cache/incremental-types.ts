import type { EpochMilliseconds } from "../../core/clock.ts";
import type { NextTagDurations } from "./types.ts";

/** Times of a prerendered page or route handler. */
export interface NextCacheControl {
  /** Time after which it is made again in the background, in seconds; `false`: never. */
  readonly revalidate: number | false;
  /** Time for which it may be used, in seconds. @defaultValue no end */
  readonly expire?: number | undefined;
}

/** Value of Next's incremental cache: a page, a route handler's response, a `fetch`, an image. */
export interface NextIncrementalValue {
  /** `"APP_PAGE"`, `"APP_ROUTE"`, `"PAGES"`, `"FETCH"`, `"REDIRECT"` or `"IMAGE"`. */
  readonly kind: string;
}

/** Entry that a handler returns for a hit. */
export interface NextIncrementalEntry {
  readonly lastModified: EpochMilliseconds;
  /** `null`: there is no such page. */
  readonly value: NextIncrementalValue | null;
  readonly cacheControl?: NextCacheControl | undefined;
}

/** Context of a request, with which Next makes the handler. */
export interface NextIncrementalContext {
  /** The folder `server` of the build. */
  readonly serverDistDir?: string | undefined;
}

/** Context of a read. */
export interface NextIncrementalGetContext {
  readonly kind: string;
  /** Tags of a `fetch`. */
  readonly tags?: readonly string[] | undefined;
  /** Tags of the route that calls it. */
  readonly softTags?: readonly string[] | undefined;
  /** Time of a `fetch`, in seconds. */
  readonly revalidate?: number | false | undefined;
  /** Whether the page may have dynamic parts. */
  readonly isRoutePPREnabled?: boolean | undefined;
}

/** Context of a write. */
export interface NextIncrementalSetContext {
  readonly kind?: string | undefined;
  /** Whether the value is the result of a `fetch` or of `unstable_cache`. */
  readonly fetchCache?: boolean | undefined;
  /** Tags of a `fetch`. */
  readonly tags?: readonly string[] | undefined;
  readonly cacheControl?: NextCacheControl | undefined;
}

/** A cache handler, as `cacheHandler` of `next.config` names its class. */
export interface NextIncrementalCacheHandler {
  get(cacheKey: string, context: NextIncrementalGetContext): Promise<NextIncrementalEntry | null>;
  set(cacheKey: string, data: NextIncrementalValue | null, context: NextIncrementalSetContext): Promise<void>;
  revalidateTag(tags: string | readonly string[], durations?: NextTagDurations): Promise<void>;
  resetRequestCache(): void;
}

/** Class of which Next makes an object for each request. */
export type NextIncrementalCacheHandlerClass = new (
  context: NextIncrementalContext,
) => NextIncrementalCacheHandler;
