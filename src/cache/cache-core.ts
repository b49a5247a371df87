import type { Clock, Milliseconds } from "../core/clock.ts";
import { Deadline } from "../core/deadlines.ts";
import type { RedisRegistry } from "../redis/registry.ts";
import type { CacheStore } from "../stores/cache-store.ts";
import { keySpacesOf } from "../stores/key-spaces.ts";
import { makeCacheStore } from "../stores/make-store.ts";
import { type CacheSettings, type ResolvedCacheSettings, resolveCacheSettings } from "./cache-settings.ts";
import { ClockWatch } from "./entry/clock-watch.ts";
import { EntryCodec } from "./entry/entry-codec.ts";
import { EntryReader, type Found, isThere, type ReadPlan, toReadPlan } from "./entry/entry-reader.ts";
import { Tags } from "./entry/tags.ts";
import { ForgivingStore } from "./forgiving-store.ts";
import { warnOfMissingPrefix } from "./keys/key-validation.ts";
import { CacheKeys, checkVersion, type EntryKey, storageKeys } from "./keys/keys.ts";
import { SharedVersion } from "./keys/shared-version.ts";
import { Loads } from "./load/loads.ts";
import { CacheMonitor } from "./monitor/cache-monitor.ts";
import type { ReadOptions, VersionOption } from "./options/cache-options.ts";
import { type Timeout, toTtl } from "./options/timeouts.ts";
import { requireCapability } from "./requirements.ts";

/** Parts of the application that a cache uses. */
export interface CacheContext {
  readonly redis: RedisRegistry;
  readonly clock: Clock;
  /** A number from 0 up to 1, for jitter and early loads. @defaultValue `Math.random` */
  readonly random?: () => number;
}

/** The parts of a cache, made from its settings. */
export class CacheCore {
  /** Path of the cache's settings, such as `caches.default`. */
  readonly path: string;
  readonly settings: ResolvedCacheSettings;
  readonly clock: Clock;
  readonly store: CacheStore;
  /** The same store, which throws its failures whatever the settings say. */
  readonly strictStore: CacheStore;
  readonly keys: CacheKeys;
  readonly codec: EntryCodec;
  readonly tags: Tags;
  readonly clocks: ClockWatch;
  readonly reader: EntryReader;
  readonly loads: Loads;
  readonly monitor: CacheMonitor;
  readonly sharedVersion: SharedVersion | undefined;

  /** @throws {ImproperlyConfigured} */
  constructor(settings: CacheSettings, path: string, { redis, clock, random = Math.random }: CacheContext) {
    this.path = path;
    this.clock = clock;
    this.settings = resolveCacheSettings(settings, path);
    const { compression, lease, keyPrefix, sharedVersion } = this.settings;
    this.monitor = new CacheMonitor(path.slice(path.indexOf(".") + 1));
    const values = compression === undefined ? "text" : "bytes";
    this.strictStore = makeCacheStore(this.settings.store, { redis, clock, values }, `${path}.store`);
    this.store = this.#forgiving(this.strictStore);
    if (lease !== null)
      requireCapability(this.store, "leases", "a lease (set it to null to do without)", path);
    // A store that no other application shares, such as memory, needs no prefix.
    const isShared = keySpacesOf(this.strictStore).length > 0;
    const needsPrefix = isShared && settings.keyPrefix === undefined && settings.keyFunction === undefined;
    this.keys = new CacheKeys(this.settings, needsPrefix ? () => warnOfMissingPrefix(path) : undefined);
    this.codec = new EntryCodec(this.settings);
    this.tags = new Tags(this.store, this.keys, clock);
    this.clocks = new ClockWatch(clock, path);
    this.reader = new EntryReader(this.store, this.codec, this.tags, this.monitor, this.clocks);
    const { store, codec, tags, reader, monitor } = this;
    const newDeadline = (): Deadline => this.newDeadline();
    const isStoreAway = (): boolean => store instanceof ForgivingStore && store.isPaused;
    this.loads = new Loads({
      store,
      codec,
      tags,
      reader,
      monitor,
      clock,
      random,
      leaseTtl: lease,
      isStoreAway,
      place: keySpacesOf(this.strictStore)[0]?.place ?? this.strictStore,
      newDeadline,
    });
    this.sharedVersion = sharedVersion ? new SharedVersion(store, clock, `${keyPrefix}:version`) : undefined;
  }

  newDeadline(): Deadline {
    return new Deadline(this.settings.deadline, this.clock);
  }

  ttlOf(timeout: Timeout | undefined): Milliseconds | null {
    return timeout === undefined ? this.settings.timeout : toTtl(timeout);
  }

  /**
   * Returns the version of a call; `undefined` where all processes share it.
   *
   * @throws {CacheUsageError} When it is no integer.
   */
  knownVersion({ version }: VersionOption): number | undefined {
    if (version !== undefined) return checkVersion(version);
    return this.sharedVersion === undefined ? this.settings.version : undefined;
  }

  /** Reads the version that all processes share. */
  currentVersion(deadline: Deadline): Promise<number> {
    return this.sharedVersion?.current(deadline) ?? Promise.resolve(this.settings.version);
  }

  /**
   * Runs a read with the version of its call. Where all processes share it, the read does not wait
   * for it, and may run twice.
   */
  readWithVersion<Result>(
    options: VersionOption,
    deadline: Deadline,
    read: (version: number) => Promise<Result>,
  ): Promise<Result> {
    const version = this.knownVersion(options);
    if (version !== undefined || this.sharedVersion === undefined)
      return read(version ?? this.settings.version);
    return this.sharedVersion.with(read, deadline);
  }

  read(key: string, options: ReadOptions, version: number, deadline: Deadline): Promise<Found> {
    return this.reader.read(this.keys.of(key, version), toReadPlan(options, version), deadline);
  }

  /** Returns whether each entry exists, readable or not, in the order of their keys. */
  async arePresent(keys: readonly EntryKey[], plan: ReadPlan, deadline: Deadline): Promise<boolean[]> {
    const found = await this.reader.readMany(keys, { ...plan, onCorrupt: "miss" }, deadline);
    return found.map((each) => isThere(each, this.clock));
  }

  deleteEntries(keys: readonly EntryKey[], deadline: Deadline): Promise<number> {
    this.loads.supersede(keys);
    return this.store.deleteMany(storageKeys(keys), deadline);
  }

  #forgiving(store: CacheStore): CacheStore {
    const { onStoreError, deadline } = this.settings;
    if (onStoreError === "throw") return store;
    return new ForgivingStore({ store, monitor: this.monitor, clock: this.clock, pause: deadline });
  }
}
