import type { StoreServiceError } from "../../core/errors.ts";

/** Warns that a level in memory stays empty, since the engine does not report changes. */
export function warnOfUntracked(refusal: StoreServiceError): void {
  process.emitWarning(
    "The server refuses to report changes of what is read (CLIENT TRACKING), so tieredCacheStore() keeps nothing in memory: " +
      `each read asks the server. Allow it, or use the remote store alone. The refusal: ${refusal.message}`,
    { type: "UntrackedCacheWarning", code: "SOJOURN_UNTRACKED_CACHE" },
  );
}
