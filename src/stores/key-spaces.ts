/**
 * Location of keys: stores in the same place see each other's keys. Text for a server, or the
 * client given by the application.
 */
export type KeyPlace = string | object;

/** Keys of a store, and their server. */
export interface KeySpace {
  readonly place: KeyPlace;
  /** Prefixes of the keys. A cache's store has none, since the cache makes the keys. */
  readonly prefixes: readonly string[];
}

const SPACES = new WeakMap<object, readonly KeySpace[]>();

/**
 * Records where a store keeps its keys, for the check that no settings share them.
 *
 * @returns The store.
 */
export function withKeySpaces<Store extends object>(store: Store, spaces: readonly KeySpace[]): Store {
  SPACES.set(store, spaces);
  return store;
}

/**
 * Returns where a store keeps its keys; an empty list if nothing is recorded, as for memory.
 */
export function keySpacesOf(store: object): readonly KeySpace[] {
  return SPACES.get(store) ?? [];
}

/**
 * Returns the key spaces of a store inside a cache's store: the places of the cache's store, or
 * that store itself if none is recorded, with these prefixes.
 */
export function spacesWithin(store: object, prefixes: readonly string[]): readonly KeySpace[] {
  const places = keySpacesOf(store).map(({ place }) => place);
  return (places.length > 0 ? places : [store]).map((place) => ({ place, prefixes }));
}

/** Returns whether two stores have keys with a common prefix. */
export function shareKeys(left: readonly KeySpace[], right: readonly KeySpace[]): boolean {
  return left.some(({ place, prefixes }) =>
    right.some(
      (other) => other.place === place && other.prefixes.some((prefix) => prefixes.includes(prefix)),
    ),
  );
}
