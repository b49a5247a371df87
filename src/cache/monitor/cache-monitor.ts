import { channel } from "node:diagnostics_channel";
import type { Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { checkListener, Events, type Listener } from "../../core/events.ts";
import type { CacheEvents, CacheStats } from "./cache-events.ts";

type Counts = { -readonly [Name in keyof CacheStats]: number };

// Kept here: Node forgets a channel without references.
const CHANNELS = {
  hit: channel("sojourn:cache:hit"),
  miss: channel("sojourn:cache:miss"),
  stale: channel("sojourn:cache:stale"),
  load: channel("sojourn:cache:load"),
  loadFailed: channel("sojourn:cache:loadFailed"),
  leaseWait: channel("sojourn:cache:leaseWait"),
  superseded: channel("sojourn:cache:superseded"),
  corrupt: channel("sojourn:cache:corrupt"),
  storeError: channel("sojourn:cache:storeError"),
  forgotten: channel("sojourn:cache:forgotten"),
} as const satisfies Record<keyof CacheEvents, unknown>;

const COUNTERS = {
  hit: "hits",
  miss: "misses",
  stale: "stale",
  load: "loads",
  loadFailed: "loadFailures",
  leaseWait: "leaseWaits",
  superseded: "superseded",
  corrupt: "corrupt",
  storeError: "storeErrors",
  forgotten: "forgotten",
} as const satisfies Record<keyof CacheEvents, keyof CacheStats>;

const NAMES = Object.keys(CHANNELS);

/** Counts and emits the events of a cache. */
export class CacheMonitor extends Events<CacheEvents> {
  readonly #cache: string;
  readonly #counts: Counts = {
    hits: 0,
    misses: 0,
    stale: 0,
    loads: 0,
    loadFailures: 0,
    loadTime: 0,
    leaseWaits: 0,
    superseded: 0,
    corrupt: 0,
    storeErrors: 0,
    forgotten: 0,
  };

  /** @param cache Name of the cache in the settings. */
  constructor(cache: string) {
    super();
    this.#cache = cache;
  }

  /** Current counts. */
  get stats(): CacheStats {
    return { ...this.#counts };
  }

  /** @throws {CacheUsageError} For an unknown event. */
  override on<Name extends keyof CacheEvents>(name: Name, listener: Listener<CacheEvents[Name]>): () => void {
    checkListener(name, listener, NAMES, CacheUsageError);
    return super.on(name, listener);
  }

  override emit<Name extends keyof CacheEvents>(name: Name, event: CacheEvents[Name]): void {
    this.#counts[COUNTERS[name]]++;
    super.emit(name, event);
    if (CHANNELS[name].hasSubscribers) CHANNELS[name].publish({ cache: this.#cache, ...event });
  }

  /** Reports a hit. The hot path: no event is made without listeners. */
  hit(key: string): void {
    if (this.has("hit") || CHANNELS.hit.hasSubscribers) this.emit("hit", { key });
    else this.#counts.hits++;
  }

  load(key: string, duration: Milliseconds): void {
    this.#counts.loadTime += duration;
    this.emit("load", { key, duration });
  }
}
