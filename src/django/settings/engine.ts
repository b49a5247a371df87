import type { RedisConnectionSettings } from "../../redis/settings.ts";
import type { SessionSettings } from "../../session/session-settings.ts";
import type { SessionStoreFactory } from "../../stores/session-store.ts";
import type { DjangoCache } from "./caches.ts";
import type { CheckedDjangoSettings } from "./names.ts";
import type { UnsupportedSettings } from "./unsupported.ts";

/** Session store of an engine, and what belongs to it. */
export interface DjangoEngine {
  readonly settings: Pick<SessionSettings, "store" | "format">;
  /** The Redis of the sessions, where it is none of a cache's. */
  readonly connection?: RedisConnectionSettings;
}

/** Settings and connections that engines are made from. */
export interface EngineContext {
  readonly django: CheckedDjangoSettings;
  readonly caches: ReadonlyMap<string, DjangoCache>;
  /** Django's `django_session`, where the application has given it. */
  readonly database: SessionStoreFactory | undefined;
  readonly unsupported: UnsupportedSettings;
}
