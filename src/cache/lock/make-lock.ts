import type { CacheCore } from "../cache-core.ts";
import { checkCallOptions } from "../options/cache-calls.ts";
import { requireCapability } from "../requirements.ts";
import { CacheLock } from "./lock.ts";
import type { LockOptions } from "./lock-options.ts";

/** See `cache.lock`. */
export function makeLock(core: CacheCore, key: string, options: LockOptions): CacheLock {
  const { strictStore: store, clock, path, keys, settings } = core;
  requireCapability(store, "locks", "a lock", path);
  // Without options, the error is the missing timeout.
  if (options !== undefined) checkCallOptions(options, "lock");
  const newDeadline = () => core.newDeadline();
  return new CacheLock(keys.of(key, options?.version ?? settings.version), options, {
    store,
    clock,
    newDeadline,
  });
}
