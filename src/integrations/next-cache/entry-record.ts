import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import { type Part, toPart } from "./parts.ts";
import type { NextCacheEntry } from "./types.ts";

/** An entry as the cache keeps it. Times in seconds; `null` is no end. */
export interface EntryRecord extends Part {
  readonly tags: readonly string[];
  readonly stale: number | null;
  readonly timestamp: EpochMilliseconds;
  readonly expire: number | null;
  readonly revalidate: number | null;
  /** Number of the last invalidation that this process knew of before the function was called. */
  readonly seen: number;
}

/** Returns the record of an entry. */
export function toRecord(entry: NextCacheEntry, bytes: Uint8Array, seen: number): EntryRecord {
  const { tags, stale, timestamp, expire, revalidate } = entry;
  return {
    tags: [...new Set(tags)],
    stale: toStored(stale),
    timestamp,
    expire: toStored(expire),
    revalidate: toStored(revalidate),
    seen,
    ...toPart(bytes),
  };
}

/** Returns the entry of a record, with a stream of its own. */
export function toEntry(record: EntryRecord, isStale: boolean): NextCacheEntry {
  return {
    value: streamOf(bytesOf(record)),
    tags: [...record.tags],
    stale: record.stale ?? Infinity,
    timestamp: record.timestamp,
    expire: record.expire ?? Infinity,
    // Next serves an entry whose time has passed, and calls the function in the background.
    revalidate: isStale ? -1 : (record.revalidate ?? Infinity),
  };
}

/** Returns whether a value of the cache is a record of an entry. */
export function isRecord(value: unknown): value is EntryRecord {
  if (typeof value !== "object" || value === null) return false;
  const { tags, timestamp, seen, text, base64 } = value as Readonly<Record<string, unknown>>;
  return (
    Array.isArray(tags) &&
    tags.every((tag) => typeof tag === "string") &&
    typeof timestamp === "number" &&
    typeof seen === "number" &&
    (typeof text === "string" || typeof base64 === "string")
  );
}

/** Returns the remaining time of an entry; `null` if it has no end. */
export function remainingOf(
  { timestamp, expire }: Pick<EntryRecord, "timestamp" | "expire">,
  now: EpochMilliseconds,
): Milliseconds | null {
  return expire === null || expire === Infinity ? null : Math.ceil(timestamp + expire * 1000 - now);
}

function toStored(seconds: number): number | null {
  return Number.isFinite(seconds) ? seconds : null;
}

// Arrays of their own: a reader may transfer the buffer, and that of a short Buffer is shared.
function bytesOf({ text, base64 = "" }: EntryRecord): Uint8Array {
  return text === undefined ? Uint8Array.from(Buffer.from(base64, "base64")) : new TextEncoder().encode(text);
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}
