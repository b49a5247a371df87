import type { EpochMilliseconds } from "../../core/clock.ts";
import type { BuildId } from "./build-id.ts";
import type { IncrementalEntries, IncrementalWrite } from "./incremental-entries.ts";
import {
  type IncrementalRecord,
  tagsOf,
  toIncrementalEntry,
  toStoredControl,
  toStoredValue,
} from "./incremental-record.ts";
import type {
  NextIncrementalCacheHandler,
  NextIncrementalContext,
  NextIncrementalEntry,
  NextIncrementalGetContext,
  NextIncrementalSetContext,
  NextIncrementalValue,
} from "./incremental-types.ts";
import type { NextTagDurations } from "./types.ts";

/** Maximum number of reads whose numbers are noted. Next makes a handler for each request. */
const MAX_NOTED = 1000;

/** Kinds of entries, whose keys are of different makes. */
type Space = "fetch" | "image" | "page";

/** Last read of a key by a request. */
interface Noted {
  /** Number of invalidations before the entry was made. */
  readonly count: number | undefined;
  /** The value that was returned, which Next stores once more when a page cannot be rendered. */
  readonly value: NextIncrementalValue | null | undefined;
  readonly seen: number | undefined;
}

/** Cache handler of a request of Next 16: pages, route handlers, results of `fetch`, images. */
export class IncrementalCacheHandler implements NextIncrementalCacheHandler {
  readonly #entries: IncrementalEntries;
  readonly #buildId: BuildId;
  readonly #context: NextIncrementalContext;
  readonly #startedAt: EpochMilliseconds;
  readonly #noted = new Map<string, Noted>();

  constructor(entries: IncrementalEntries, buildId: BuildId, context: NextIncrementalContext) {
    this.#entries = entries;
    this.#buildId = buildId;
    this.#context = context;
    this.#startedAt = entries.now();
  }

  /** Reads an entry. Failures of the store are misses. */
  async get(cacheKey: string, context: NextIncrementalGetContext): Promise<NextIncrementalEntry | null> {
    const { kind, tags = [], softTags = [], isRoutePPREnabled = false } = context;
    const space = kind === "FETCH" ? "fetch" : kind === "IMAGE" ? "image" : "page";
    const key = await this.#keyOf(space, cacheKey);
    if (key === undefined) return null;
    // Next reads the static part of a page with dynamic ones also where it does not make it then.
    const canWait = space === "page" && !isRoutePPREnabled;
    const read = await this.#entries.get(key, [...tags, ...softTags], canWait);
    const record = read?.hit?.record;
    const isStale = read?.hit?.isStale === true;
    const seconds = space === "fetch" ? secondsOf(context, record?.value?.json) : undefined;
    const entry =
      record === undefined ? null : toIncrementalEntry(record, isStale, this.#entries.now(), seconds);
    if (space !== "image") this.#note(key, { count: read?.count, value: entry?.value, seen: record?.seen });
    return entry;
  }

  /** Stores an entry. Failures of the store go to `onError`. */
  async set(
    cacheKey: string,
    data: NextIncrementalValue | null,
    context: NextIncrementalSetContext,
  ): Promise<void> {
    const kind = data?.kind ?? context.kind;
    const isFetch = context.fetchCache === true || kind === "FETCH";
    const space = isFetch ? "fetch" : kind === "IMAGE" ? "image" : "page";
    const key = await this.#keyOf(space, cacheKey);
    if (key === undefined) return;
    const noted = this.#noted.get(key);
    this.#noted.delete(key);
    const isRetained = data !== null && data === noted?.value;
    const known = isRetained ? noted?.seen : (noted?.count ?? this.#entries.seenAt(this.#startedAt));
    // Images have no tags.
    const seen = space === "image" ? 0 : known;
    const isUsable = context.cacheControl?.revalidate !== 0 && (data !== null || space === "page");
    const lastModified = this.#entries.now();
    const write = seen === undefined ? "lost" : toWrite(data, context, { seen, lastModified, isRetained });
    await this.#entries.set(key, isUsable ? write : undefined);
  }

  /**
   * Makes all entries with one of these tags stale, or, without durations, misses; all processes
   * see it at once. One that fails is tried again with the next request, before anything is read.
   *
   * @throws {StoreConnectionError} When the store could not be reached.
   */
  async revalidateTag(tags: string | readonly string[], durations?: NextTagDurations): Promise<void> {
    await this.#entries.invalidate(typeof tags === "string" ? [tags] : tags, durations);
  }

  /** Does nothing: no entry is kept in the process. */
  resetRequestCache(): void {}

  /** The earlier of several reads counts: Next may have begun to make the entry after it. */
  #note(key: string, noted: Noted): void {
    const { count = noted.count } = this.#noted.get(key) ?? {};
    this.#noted.set(key, { ...noted, count });
    const [oldest = ""] = this.#noted.keys();
    if (this.#noted.size > MAX_NOTED) this.#noted.delete(oldest);
  }

  async #keyOf(space: Space, cacheKey: string): Promise<string | undefined> {
    if (space !== "page") return this.#entries.keyOf(space, cacheKey);
    // The build writes its pages to files, and has no name yet.
    if (process.env["NEXT_PHASE"] === "phase-production-build") return undefined;
    const build = await this.#buildId.of(this.#context.serverDistDir);
    return build === undefined ? undefined : this.#entries.keyOf(space, build, cacheKey);
  }
}

function toWrite(
  data: NextIncrementalValue | null,
  { tags, cacheControl }: NextIncrementalSetContext,
  made: { readonly seen: number; readonly lastModified: EpochMilliseconds; readonly isRetained: boolean },
): IncrementalWrite {
  const { seen, lastModified, isRetained } = made;
  const { stored, size } = data === null ? { stored: null, size: 0 } : toStoredValue(data);
  const record: IncrementalRecord = {
    tags: tagsOf(data, tags),
    seen,
    lastModified,
    ...(cacheControl !== undefined && { cacheControl: toStoredControl(cacheControl) }),
    ...(isRetained && { isRetained }),
    value: stored,
  };
  return { record, size };
}

/** Returns the time after which Next takes the result of a `fetch` for stale. */
function secondsOf(
  { revalidate }: NextIncrementalGetContext,
  json: Readonly<Record<string, unknown>> | undefined,
): number | undefined {
  if (typeof revalidate === "number" && revalidate > 0) return revalidate;
  const stored = json?.["revalidate"];
  return typeof stored === "number" ? stored : undefined;
}
