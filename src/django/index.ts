export {
  djangoCachedDbSessionStore,
  type DjangoCachedDbSessionStoreOptions,
} from "./cached-db-session-store.ts";
export {
  type AuthenticatedUser,
  DjangoAuth,
  djangoAuth,
  type DjangoAuthSettings,
  type DjangoUser,
  type GetUserOptions,
  type IdentifiedUser,
} from "./auth.ts";
export { csrfToken, isCsrfTokenValid, rotateCsrfToken } from "./csrf.ts";
export type { HasData } from "./has-data.ts";
export {
  addMessage,
  type AddMessageOptions,
  type DjangoMessage,
  MESSAGE_LEVELS,
  takeMessages,
  type TakeMessagesOptions,
} from "./messages.ts";
export type { StoredMessage } from "./session-messages.ts";
export {
  type Migration,
  type MigrationCounts,
  migratePickledSessions,
  type MigratePickledSessionsOptions,
  type RestorableSessions,
} from "./migration/migrate-pickled-sessions.ts";
export type { UnfitValue } from "./pickle/index.ts";
export {
  djangoRatelimit,
  type DjangoRatelimitCounter,
  djangoRatelimitKey,
  type DjangoRatelimitKeyOptions,
  type DjangoRatelimitOptions,
  type DjangoRatelimitUsage,
  type RatelimitRate,
} from "./ratelimit/index.ts";
export {
  type DjangoCacheBackend,
  type DjangoRatelimitSettings,
  djangoSettings,
  type DjangoSettings,
  type DjangoDatabaseCacheOptions,
  type DjangoSettingsOptions,
  type FromDjangoSettings,
  type UnsupportedSetting,
} from "./settings/index.ts";
export { makeTemplateFragmentKey } from "./template-fragment-key.ts";
