import { setTimeout as sleep } from "node:timers/promises";

const NOT_SLOWED = new Set<PropertyKey>(["scan", "clear", "close"]);

/** A store each of whose calls waits first, as on a busy machine. */
export function slowed<Store extends object>(store: Store, milliseconds: number): Store {
  return new Proxy(store, {
    get(target, name) {
      // It cannot wait, so a slow store does not have it.
      if (name === "getSync") return undefined;
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (NOT_SLOWED.has(name)) return (value as () => unknown).bind(target);
      return async (...args: unknown[]): Promise<unknown> => {
        await sleep(milliseconds);
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}
