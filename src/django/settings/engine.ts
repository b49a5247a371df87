import type { RedisConnectionSettings } from "../../redis/settings.ts";
import type { SessionSettings } from "../../session/session-settings.ts";
import type { SessionStoreFactory } from "../../stores/session-store.ts";
import type { DjangoCache } from "./caches.ts";
import type { CheckedDjangoSettings } from "./names.ts";
import type { UnsupportedSettings } from "./unsupported.ts";

/** What an engine comes to. */
export interface DjangoEngine {
  readonly settings: Pick<SessionSettings, "store" | "format">;
  /** The Redis of the sessions, where it is none of a cache's. */
  readonly connection?: RedisConnectionSettings;
}

/** What engines are made from. */
export interface EngineContext {
  readonly django: CheckedDjangoSettings;
  readonly caches: ReadonlyMap<string, DjangoCache>;
  /** Django's `django_session`, where the application has given it. */
  readonly database: SessionStoreFactory | undefined;
  readonly unsupported: UnsupportedSettings;
}
