/**
 * Where keys are: stores of the same place see each other's keys. Text for a server, or the client that was
 * given.
 */
export type KeyPlace = string | object;

/** Keys of a store, and the server that has them. */
export interface KeySpace {
  readonly place: KeyPlace;
  /** Prefixes of its keys. A cache's store has none, since the cache makes the keys. */
  readonly prefixes: readonly string[];
}

const SPACES = new WeakMap<object, readonly KeySpace[]>();

/** Notes where a store keeps its keys, for the check that no settings share them. @returns The store. */
export function withKeySpaces<Store extends object>(store: Store, spaces: readonly KeySpace[]): Store {
  SPACES.set(store, spaces);
  return store;
}

/** Where a store keeps its keys; none for one that nothing is noted of, such as a store in memory. */
export function keySpacesOf(store: object): readonly KeySpace[] {
  return SPACES.get(store) ?? [];
}

/**
 * The key spaces of a store in a cache's store: the place of that, or the store itself where nothing is noted
 * of it, and these prefixes.
 */
export function spacesWithin(store: object, prefixes: readonly string[]): readonly KeySpace[] {
  const places = keySpacesOf(store).map(({ place }) => place);
  return (places.length > 0 ? places : [store]).map((place) => ({ place, prefixes }));
}

/** Whether two stores have keys that begin alike. */
export function shareKeys(left: readonly KeySpace[], right: readonly KeySpace[]): boolean {
  return left.some(({ place, prefixes }) =>
    right.some((other) => other.place === place && other.prefixes.some((prefix) => prefixes.includes(prefix))),
  );
}
