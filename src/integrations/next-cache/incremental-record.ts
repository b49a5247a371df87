import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { type Part, toBytes, toPart } from "./parts.ts";
import type { TaggedRecord } from "./tagged-entries.ts";
import type { NextCacheControl, NextIncrementalEntry, NextIncrementalValue } from "./incremental-types.ts";

/** Header in which Next tells the tags of a page, Next 16. */
const TAGS_HEADER = "x-next-cache-tags";

/** A value without what JSON cannot hold: bytes, and maps of them, such as the segments of a page. */
export interface StoredValue {
  readonly json: Readonly<Record<string, unknown>>;
  readonly bytes?: Readonly<Record<string, Part>>;
  readonly maps?: Readonly<Record<string, readonly (readonly [string, Part])[]>>;
}

/** Times of a page without what JSON cannot hold. */
export interface StoredControl {
  readonly revalidate: number | false;
  readonly expire?: number;
}

/** A page, a response, a result of `fetch` or an image as the cache keeps it. */
export interface IncrementalRecord extends TaggedRecord {
  readonly lastModified: EpochMilliseconds;
  readonly cacheControl?: StoredControl;
  /** Whether it is an earlier value that Next keeps after a failure, until its time is over. */
  readonly isRetained?: true;
  /** `null`: there is no such page. */
  readonly value: StoredValue | null;
}

/** Returns the tags of a page, a response or a result of `fetch`. */
export function tagsOf(value: NextIncrementalValue | null, given: readonly string[] = []): string[] {
  const { headers, tags } = fieldsOf(value ?? {});
  const header: unknown = isObject(headers) ? headers[TAGS_HEADER] : undefined;
  const ofPage = typeof header === "string" && header !== "" ? header.split(",") : [];
  const ofFetch = Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
  return [...new Set([...given, ...ofPage, ...ofFetch])];
}

/** Returns the stored form of a value, and its size in bytes. */
export function toStoredValue(value: NextIncrementalValue): { stored: StoredValue; size: number } {
  const json: Record<string, unknown> = {};
  const bytes: Record<string, Part> = {};
  const maps: Record<string, [string, Part][]> = {};
  let size = 0;
  const partOf = (part: Uint8Array): Part => {
    size += part.byteLength;
    return toPart(part);
  };
  for (const [name, field] of Object.entries(value)) {
    if (field instanceof Uint8Array) bytes[name] = partOf(field);
    else if (field instanceof Map) maps[name] = partsOf(field, partOf);
    else if (typeof field === "string") {
      size += Buffer.byteLength(field);
      json[name] = field;
    } else if (field !== undefined) {
      const text = JSON.stringify(field);
      size += Buffer.byteLength(text);
      // Without members that are undefined, which the cache refuses.
      json[name] = JSON.parse(text);
    }
  }
  return { stored: { json, bytes, maps }, size };
}

/** Returns the times of a page in the form of JSON. */
export function toStoredControl(control: NextCacheControl): StoredControl {
  const { revalidate, expire } = control;
  return {
    revalidate: Number.isFinite(revalidate) ? revalidate : false,
    ...(expire !== undefined && Number.isFinite(expire) && { expire }),
  };
}

/**
 * Returns what Next gets for a record.
 *
 * @param seconds Time after which Next takes the result of a `fetch` for stale.
 */
export function toIncrementalEntry(
  record: IncrementalRecord,
  isStale: boolean,
  now: EpochMilliseconds,
  seconds?: number,
): NextIncrementalEntry {
  const { lastModified, cacheControl, isRetained = false } = record;
  const value = record.value === null ? null : toValue(record.value);
  if (!isStale || isRetained) return { value, lastModified, cacheControl };
  // Next knows no other sign of a stale entry than its age.
  const known = seconds ?? cacheControl?.revalidate;
  const revalidate = typeof known === "number" && known > 0 ? known : 1;
  const age: Milliseconds = revalidate * 1000 + 1;
  return {
    value,
    lastModified: Math.min(lastModified, now - age),
    ...(cacheControl !== undefined && { cacheControl: { ...cacheControl, revalidate } }),
  };
}

/** Returns whether a value of the cache is a record. */
export function isIncrementalRecord(value: unknown): value is IncrementalRecord {
  if (!isObject(value)) return false;
  const { tags, seen, lastModified, value: stored } = value;
  return (
    Array.isArray(tags) &&
    tags.every((tag) => typeof tag === "string") &&
    typeof seen === "number" &&
    typeof lastModified === "number" &&
    (stored === null || (isObject(stored) && isObject(stored["json"])))
  );
}

function toValue({ json, bytes = {}, maps = {} }: StoredValue): NextIncrementalValue {
  const binary = Object.entries(bytes).map(([name, part]) => [name, toBytes(part)] as const);
  const mapped = Object.entries(maps).map(
    ([name, parts]) => [name, new Map(parts.map(([key, part]) => [key, toBytes(part)]))] as const,
  );
  return { kind: "", ...json, ...Object.fromEntries(binary), ...Object.fromEntries(mapped) };
}

function partsOf(map: Map<unknown, unknown>, partOf: (part: Uint8Array) => Part): [string, Part][] {
  return [...map].map(([key, part]) => {
    if (part instanceof Uint8Array) return [String(key), partOf(part)];
    throw new CacheUsageError(
      "An entry of Next has a map of other things than bytes, so it was not stored. This version of Next is not " +
        "supported by nextIncrementalCacheHandler(): leave out cacheHandler, and tell the maintainers.",
    );
  });
}

function fieldsOf(value: object): Readonly<Record<string, unknown>> {
  return value as Readonly<Record<string, unknown>>;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
