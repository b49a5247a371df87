/**
 * Returns a store that adds the name of each called method to `calls`.
 *
 * @param overrides Members in place of the store's own.
 */
export function recordCalls<Store extends object>(
  store: Store,
  calls: string[],
  overrides: Partial<Store> = {},
): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(overrides, name) ?? Reflect.get(target, name, target);
      if (typeof value !== "function" || typeof name !== "string") return value;
      return (...args: unknown[]): unknown => {
        calls.push(name);
        return Reflect.apply(value, target, args);
      };
    },
  });
}
