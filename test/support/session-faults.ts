import { StoreConnectionError } from "../../src/core/errors.ts";
import { Browser, openHarness, withoutTombstones } from "./session-harness.ts";
import type { SessionStore } from "../../src/stores/session-store.ts";

/** Failure of an operation that may have been executed. */
export const LOST = () => new StoreConnectionError("The connection was lost.", { outcome: "unknown" });

/** Failure of an operation that was not sent. */
export const OFFLINE = () => new StoreConnectionError("There is no connection.", { outcome: "not-sent" });

/**
 * Fails the next call of one method: before it reaches the store, or after, so that only the answer
 * is lost.
 */
class Faults {
  next: { method: keyof SessionStore; when: "before" | "after"; error: Error; times?: number } | undefined;

  readonly wrap = (store: SessionStore): SessionStore =>
    new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]): Promise<unknown> => {
          const call = (): unknown => Reflect.apply(value, target, args);
          if (this.next?.method !== name) return call();
          const { when, error, times = 1 } = this.next;
          this.next = times > 1 ? { ...this.next, times: times - 1 } : undefined;
          if (when === "after") await call();
          throw error;
        };
      },
    });
}

/** Opens a stored session `{ n: 1 }` of a browser on a store whose next calls can fail. */
export async function openWithFaults({
  hasTombstones = true,
  ...settings
}: Parameters<typeof openHarness>[0] & { hasTombstones?: boolean } = {}) {
  const faults = new Faults();
  const wrap = (store: SessionStore) => faults.wrap(hasTombstones ? store : withoutTombstones(store));
  const harness = openHarness({ ...settings, wrap });
  const browser = new Browser(harness.sessions);
  await browser.request((session) => (session.data["n"] = 1));
  harness.calls.length = 0;
  return { ...harness, faults, browser };
}
