export type {
  Cache,
  CacheEvent,
  CacheEvents,
  Caches,
  CacheSettings,
  CachesSettings,
  CacheStats,
  ClearOptions,
  ConditionalSetOptions,
  GetOptions,
  IncrOptions,
  KeyFunction,
  LoadContext,
  LoadDefaults,
  Loader,
  LoadOptions,
  Memoized,
  MemoizeOptions,
  Peek,
  PeekOptions,
  ReadOptions,
  SetOptions,
  Timeout,
  ValuesByKey,
  VersionOption,
} from "./cache/index.ts";
export {
  type CostOption,
  type CountingCache,
  createLimiter,
  type Limiter,
  type LimiterSettings,
  type LimitStatus,
} from "./cache/limits/index.ts";
export type { CacheLock, LockedWork } from "./cache/lock/lock.ts";
export type { LockOptions, LockWaitOptions } from "./cache/lock/lock-options.ts";
export {
  brotliCompressor,
  type BrotliOptions,
  type CacheCompressor,
  type CacheSerializer,
  type CompressionSettings,
  type DeflateOptions,
  gzipCompressor,
  JsonSerializer,
  lz4Compressor,
  type Lz4Library,
  lzmaCompressor,
  type LzmaLibrary,
  type NamingSerializer,
  snappyCompressor,
  type SnappyLibrary,
  TaggedJsonSerializer,
  zlibCompressor,
  zstdCompressor,
  type ZstdOptions,
} from "./cache/index.ts";
export { CacheCoder } from "./json/index.ts";
export type { Clock, EpochMilliseconds, Milliseconds } from "./core/clock.ts";
export type { Duration, DurationText } from "./core/durations.ts";
export {
  type AnySojournError,
  CacheCorruptError,
  CacheKeyNotFoundError,
  CacheLoadTimeoutError,
  CacheReentranceError,
  CacheLockError,
  type CacheLockProblem,
  CacheNotIntegerError,
  CacheUsageError,
  CrossSiteError,
  ImproperlyConfigured,
  InsecureRequestError,
  isSojournError,
  NotJsonError,
  type Outcome,
  RedisConnectionError,
  RedisQueueFullError,
  RedisServiceError,
  SessionConflictError,
  SessionInterrupted,
  SessionSchemaError,
  SessionTooLargeError,
  SessionUsageError,
  SojournError,
  type SojournErrorCode,
  StoreConnectionError,
  StoreServiceError,
} from "./core/errors.ts";
export { createSojourn, type Sojourn, type SojournSettings } from "./create-sojourn.ts";
export type { DjangoLogin, LoginOptions, UserId } from "./session/login/auth.ts";
export type { CrossSite } from "./session/http/cross-site.ts";
export type { Migration, OnInvalid } from "./session/data/data-schema.ts";
export type { FlashMessage } from "./session/data/flash.ts";
export type { SetCookie, SetCookieAttributes } from "./session/http/cookie.ts";
export type { OnInsecure } from "./session/http/plain-http.ts";
export type { SessionEndReason } from "./session/endings/session-endings.ts";
export type { SessionPolicy } from "./session/policy.ts";
export type { Session } from "./session/session.ts";
export type { RejectionReason, SessionEvent, SessionEvents } from "./session/session-events.ts";
export type { JsonData, JsonObject } from "./session/data/json-data.ts";
export type {
  SessionCookieSettings,
  SessionSettings,
  TakeOverSettings,
  UntypedData,
} from "./session/session-settings.ts";
export type { EarlierSessionsFactory } from "./session/take-over/earlier-sessions.ts";
export type { TakeOverCounts } from "./session/take-over/take-over-all.ts";
export type {
  CookiesForOptions,
  RevokeOptions,
  RevokeProgress,
  RevokeUserOptions,
  Sessions,
  TakeOverAllOptions,
  UserPageOptions,
  UserSessionPage,
  WatchOptions,
} from "./session/sessions.ts";
export type { Expiry } from "./session/record/timeouts.ts";
export type { UserSession } from "./session/users/user-sessions.ts";
export type { CookieSessionStore } from "./stores/cookie/cookie-session-store.ts";
export type { Etag } from "./core/etag.ts";
export type { Deadline } from "./core/deadlines.ts";
export type {
  ClearProgress,
  CommitResult,
  CreateResult,
  SessionStore,
  SessionStoreFactory,
  StoreContext,
} from "./stores/session-store.ts";
export type { ChangeListener, TrackedReads, TrackedValue } from "./stores/tracked-reads.ts";
export type { GoneCause, RecordWatch, RecordWatchListener } from "./stores/record-watch.ts";
export type { SessionTombstones } from "./stores/session-tombstones.ts";
export type {
  IndexedSession,
  UserIndex,
  UserIndexAddition,
  UserIndexCheck,
  UserIndexEntry,
  UserIndexLimits,
} from "./stores/user-index.ts";
export type {
  CacheEntry,
  CacheStore,
  CacheStoreCapabilities,
  CacheStoreContext,
  CacheStoreFactory,
  EntryHead,
  FillResult,
  IncrementOptions,
  IncrementResult,
  Lease,
  LeaseResult,
  NewValue,
  SetCondition,
  StoredValue,
} from "./stores/cache-store.ts";
