import { Deadline } from "../../src/core/deadlines.ts";
import { StoreConnectionError } from "../../src/core/errors.ts";

export const HOUR = 3_600_000;

export const later = (): Deadline => new Deadline(30_000);

export const etag = (record: string) => ({ start: 0, text: record });

/** Runs an action once, right before or after a method of a store does its work. */
export function around<Store extends object>(
  store: Store,
  method: keyof Store,
  steps: { before?: () => unknown; after?: () => unknown },
): void {
  const original = store[method] as (...args: unknown[]) => Promise<unknown>;
  Object.assign(store, {
    async [method](...args: unknown[]) {
      Object.assign(store, { [method]: original });
      await steps.before?.();
      const answer = await original.apply(store, args);
      await steps.after?.();
      return answer;
    },
  });
}

/** Runs an action once, after a method of a store has answered and before its caller knows. */
export function after<Store extends object>(store: Store, method: keyof Store, act: () => unknown): void {
  around(store, method, { after: act });
}

/** Fails the next call of a method, with an unknown outcome. */
export function failOnce<Store extends object>(store: Store, method: keyof Store): void {
  const fail = () => Promise.reject(new StoreConnectionError("the store is away", { outcome: "unknown" }));
  around(store, method, { before: fail });
}
