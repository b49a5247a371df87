import { type Clock, systemClock } from "../../core/clock.ts";
import { Deadline } from "../../core/deadlines.ts";
import { ImproperlyConfigured, SessionTooLargeError } from "../../core/errors.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import type { Sessions } from "../../session/sessions.ts";
import { parsePickle, PickleError, pickleToJson, type UnfitValue } from "../pickle/index.ts";
import { toCaches } from "../settings/caches.ts";
import {
  cannotShare,
  checkDjangoSettings,
  type CheckedDjangoSettings,
  type DjangoSettings,
} from "../settings/names.ts";
import { redisessionConnection } from "../settings/redisession.ts";
import { UnsupportedSettings } from "../settings/unsupported.ts";
import { cacheEngineRecords } from "./cache-engine-source.ts";
import type { PickledRecord, PickledSession } from "./pickled-session.ts";
import { inflate, redisessionRecords } from "./redisession-source.ts";

/** The {@link Sessions} of an application, for any type of data. */
export type RestorableSessions = Pick<Sessions, "restore">;

/** Options of {@link migratePickledSessions}. */
export interface MigratePickledSessionsOptions {
  /**
   * Old settings of the site, with the engine `redisession.backend`, or
   * `django.contrib.sessions.backends.cache` on a Redis cache with pickles.
   */
  readonly from: DjangoSettings;
  /** New sessions, on any store but `cookieSessionStore()`. `undefined`: nothing is written. */
  readonly to: RestorableSessions | undefined;
  /**
   * Undoes `COMPRESS_LIB` of django-redisession, such as `uncompress` of the package `snappyjs` for
   * `"snappy"`. zlib is built in.
   */
  readonly decompress?: ((bytes: Uint8Array) => Uint8Array) | undefined;
  /** Called after each 1000 records. */
  readonly onProgress?: ((counts: MigrationCounts) => void) | undefined;
}

/** Number of records by outcome. */
export interface MigrationCounts {
  /** Stored as JSON; without `to`: fit to be stored. */
  readonly moved: number;
  /** Their keys already had a session, of an earlier run or a newer one. It was kept. */
  readonly present: number;
  readonly expired: number;
  /** Their pickles build, call or import something, or are malformed. */
  readonly refused: number;
  /**
   * They hold values that JSON cannot, or exceed `sessions.maxBytes`. They were not stored at all.
   */
  readonly unfit: number;
  /** Compressed by a library without a `decompress`. */
  readonly compressed: number;
  /** Not sessions at all. */
  readonly foreign: number;
}

/** Result of {@link migratePickledSessions}. */
export interface Migration extends MigrationCounts {
  /** The first 100 values that JSON cannot hold, by their paths. */
  readonly unfitValues: readonly UnfitValue[];
}

const STEP_MS = 5000;
const REPORT_EVERY = 1000;
const AT_ONCE = 50;
const MAX_UNFIT = 100;

type Counts = { -readonly [Name in keyof MigrationCounts]: number };
type Outcome = keyof MigrationCounts;

/**
 * Moves the sessions of a Django site from pickles to a store that Node and Django share as JSON,
 * under the keys that browsers have, so no user is logged out. The old sessions are kept.
 *
 * It can be repeated: sessions that are present already stay. Sessions that are not moved are
 * counted by reason.
 *
 * @throws {ImproperlyConfigured} For another engine.
 * @throws {StoreConnectionError} If the Redis of the site, or the store, cannot be reached;
 *   sessions moved before stay.
 */
export async function migratePickledSessions(options: MigratePickledSessionsOptions): Promise<Migration> {
  const counts: Counts = {
    moved: 0,
    present: 0,
    expired: 0,
    refused: 0,
    unfit: 0,
    compressed: 0,
    foreign: 0,
  };
  const unfitValues: UnfitValue[] = [];
  const { records, close } = openSource(options, systemClock);
  try {
    let unreported = 0;
    for await (const group of groupsOf(records, AT_ONCE)) {
      const outcomes = await Promise.all(group.map((record) => move(record, options.to, unfitValues)));
      for (const outcome of outcomes) counts[outcome] += 1;
      unreported += group.length;
      if (unreported < REPORT_EVERY) continue;
      unreported = 0;
      options.onProgress?.({ ...counts });
    }
  } finally {
    await close();
  }
  return { ...counts, unfitValues };
}

async function move(
  record: PickledRecord,
  to: RestorableSessions | undefined,
  unfit: UnfitValue[],
): Promise<Outcome> {
  if (typeof record === "string") return record;
  const payload = toPayload(record, unfit);
  if (typeof payload !== "object") return payload;
  if (to === undefined) return "moved";
  try {
    return (await to.restore(record.key, payload.text, record.ttl / 1000)) ? "moved" : "present";
  } catch (error) {
    if (!(error instanceof SessionTooLargeError)) throw error;
    note(unfit, [{ path: "data", found: `${error.bytes} bytes, more than sessions.maxBytes` }]);
    return "unfit";
  }
}

function toPayload(
  { pickle }: PickledSession,
  unfitValues: UnfitValue[],
): { readonly text: string } | "refused" | "unfit" {
  try {
    const { text, unfit, unfitCount } = pickleToJson(parsePickle(pickle));
    note(unfitValues, unfit);
    if (unfitCount > 0) return "unfit";
    return text.startsWith("{") ? { text } : "refused";
  } catch (error) {
    if (error instanceof PickleError) return "refused";
    throw error;
  }
}

function note(noted: UnfitValue[], more: readonly UnfitValue[]): void {
  noted.push(...more.slice(0, Math.max(0, MAX_UNFIT - noted.length)));
}

interface Source {
  readonly records: AsyncIterable<PickledRecord>;
  readonly close: () => Promise<void>;
}

function openSource({ from, decompress }: MigratePickledSessionsOptions, clock: Clock): Source {
  const django = checkDjangoSettings(from);
  const pageDeadline = () => new Deadline(STEP_MS, clock);
  if (django.SESSION_ENGINE === "redisession.backend") {
    const registry = new RedisRegistry({ source: redisessionConnection(django) });
    const { USE_HASH = true, COMPRESS_LIB } = django.REDIS_SESSION_CONFIG ?? {};
    const layout = {
      useHash: USE_HASH !== false,
      decompress: decompress ?? (COMPRESS_LIB === "zlib" ? inflate : undefined),
    };
    const records = redisessionRecords(registry.get("source"), layout, clock, pageDeadline);
    return { records, close: () => registry.close() };
  }
  if (django.SESSION_ENGINE === "django.contrib.sessions.backends.cache")
    return openCacheEngine(django, pageDeadline);
  throw cannotShare(
    "SESSION_ENGINE",
    'expected "redisession.backend" or "django.contrib.sessions.backends.cache".',
  );
}

function openCacheEngine(django: CheckedDjangoSettings, pageDeadline: () => Deadline): Source {
  const alias = django.SESSION_CACHE_ALIAS ?? "default";
  const cache = toCaches(django, new UnsupportedSettings(), {
    databaseCache: undefined,
    compressors: {},
  }).get(alias);
  if (cache?.connection === undefined) {
    throw new ImproperlyConfigured(`django.CACHES["${alias}"]`, "expected a cache in Redis.");
  }
  const registry = new RedisRegistry({ source: cache.connection });
  const namespace = `${cache.keyPrefix}:${cache.version}:django.contrib.sessions.cache`;
  const records = cacheEngineRecords(registry.get("source"), namespace, pageDeadline);
  return { records, close: () => registry.close() };
}

async function* groupsOf<Item>(
  items: AsyncIterable<Item>,
  size: number,
): AsyncGenerator<Item[], void, undefined> {
  let group: Item[] = [];
  for await (const item of items) {
    if (group.push(item) < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
