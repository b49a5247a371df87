import type { RedisConnectionSettings } from "../../redis/settings.ts";
import type { SessionSettings } from "../../session/session-settings.ts";
import type { SessionStoreFactory } from "../../stores/session-store.ts";
import type { DjangoCache } from "./caches.ts";
import type { DjangoCompressors } from "./compressors.ts";
import type { CheckedDjangoSettings } from "./names.ts";
import type { UnsupportedSettings } from "./unsupported.ts";

/** Session store of an engine, with its format and connection. */
export interface DjangoEngine {
  readonly settings: Pick<SessionSettings, "store" | "format">;
  /** Redis connection of the sessions, if it is not that of a cache. */
  readonly connection?: RedisConnectionSettings;
}

/** Settings and connections from which engines are built. */
export interface EngineContext {
  readonly django: CheckedDjangoSettings;
  readonly caches: ReadonlyMap<string, DjangoCache>;
  /** Django's table `django_session`, if the application has passed it. */
  readonly database: SessionStoreFactory | undefined;
  readonly unsupported: UnsupportedSettings;
  readonly compressors: DjangoCompressors;
}
