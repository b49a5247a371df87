import type { Secrets } from "../../codec/index.ts";
import type { Clock } from "../../core/clock.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import type { RedisRegistry } from "../../redis/registry.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import type { SessionEventEmitter } from "../session-events.ts";
import type { SessionHomes } from "../session-home.ts";
import type { ResolvedSessionSettings } from "../session-settings.ts";
import { SEEN_EVERY } from "../stored/make-session-records.ts";
import { StoreHome } from "../stored/store-home.ts";
import { EarlierHomes } from "./earlier-homes.ts";
import type { EarlierSessions } from "./earlier-sessions.ts";
import { TakeOver } from "./take-over.ts";
import { TakenOverKeys } from "./taken-over-keys.ts";

/** A take-over from other libraries. */
export interface OpenTakeOver {
  readonly sources: readonly EarlierSessions[];
  readonly takeOver: TakeOver;
  readonly keys: TakenOverKeys;
  /** Homes of sessions that stay where they are. */
  readonly homes: EarlierHomes;
  readonly clock: Clock;
  readonly secretKey: string;
  /** Whether sessions are moved, or stay where they are. */
  readonly moves: boolean;
}

/** Dependencies of {@link makeTakeOver}. */
export interface TakeOverContext extends Secrets {
  readonly redis: RedisRegistry;
  readonly clock: Clock;
  readonly store: SessionStore;
  readonly home: SessionHomes;
  readonly events: SessionEventEmitter;
}

/** @throws {ImproperlyConfigured} For a store on which a session could be taken over twice. */
export function makeTakeOver(
  settings: ResolvedSessionSettings,
  context: TakeOverContext,
): OpenTakeOver | undefined {
  const { takeOver, maxBytes, timeouts, dataSchema, touchEvery } = settings;
  if (takeOver === undefined) return undefined;
  const { store, home, events, clock, redis } = context;
  if (!(home instanceof StoreHome) || store.tombstones === undefined) {
    const message =
      `expected none with the store "${store.name}", on which two processes could take the same session over. ` +
      "Use redisSessionStore(), or another store that shares tombstones.";
    throw new ImproperlyConfigured("sessions.takeOver", message);
  }
  const sources = takeOver.from.map((open) => open({ redis, clock, maxBytes }));
  const keys = new TakenOverKeys(store.tombstones, context);
  const parts = { sources, home, keys, events, clock, idle: timeouts.idle };
  const homes = new EarlierHomes({
    tombstones: store.tombstones,
    moved: {
      has: async (source, id, deadline) => (await keys.find(source.name, id, deadline)) !== undefined,
      end: async (source, id, deadline) => {
        const taken = await keys.find(source.name, id, deadline);
        if (taken?.keys !== undefined) await home.records.endFound(taken.keys, deadline);
      },
    },
    secretKey: context.secretKey,
    clock,
    timeouts,
    maxBytes,
    dataVersion: dataSchema.version,
    touchEvery: touchEvery ?? SEEN_EVERY,
  });
  const { secretKey } = context;
  return { sources, takeOver: new TakeOver(parts), keys, homes, clock, secretKey, moves: takeOver.moves };
}
