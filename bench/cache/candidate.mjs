// @ts-check
// What is compared, and the values that it is compared with.

/**
 * The four operations of a cache, over the same keys and values for all. Each answers with what a user of it
 * gets: a value that belongs to the caller where the library gives one, parsed, and `undefined` or `null` on
 * a miss.
 *
 * @typedef {object} Operations
 * @property {(key: string) => MaybePromise<Item | null | undefined>} get
 * @property {(key: string, value: Item) => unknown} set
 * @property {(key: string) => MaybePromise<Item | null | undefined>} getOrSet A hit. Its loader throws: see
 *   {@link noLoad}.
 * @property {(keys: readonly string[]) => MaybePromise<(Item | null | undefined)[]>} getMany In the order of
 *   the keys.
 */

/**
 * @typedef {object} Candidate
 * @property {string} name
 * @property {boolean} isLocal Whether its hits need no server.
 * @property {Operations} operations
 * @property {readonly Error[]} errors What it has told by events instead of throwing: any one makes its
 *   figures void.
 * @property {() => Promise<unknown>} close
 */

/**
 * @template Result
 * @typedef {Promise<Result> | Result} MaybePromise What `await` takes.
 */

/**
 * @typedef {{ readonly id: number, readonly version: number, readonly name: string, readonly [more: string]:
 * unknown }} Item
 */

/** @typedef {"get" | "set" | "getOrSet" | "getMany"} OperationName */

export const ITEMS = 1000;
/** Length of an item as JSON. */
export const ITEM_LENGTH = 953;
/** How many keys `getMany` asks for. */
export const MANY = 100;
/** No entry ends during a run. */
export const TTL_SECONDS = 3600;

/** @type {readonly string[]} */
export const KEYS = Array.from({ length: ITEMS }, (_, id) => `item:${id}`);

/**
 * A record as an application has it: numbers, texts, flags, a list, an object inside.
 *
 * @param {number} id From 0 to 999.
 * @param {number} version From 1000 to 9999, so that all have the same length.
 * @returns {Item}
 */
export function makeItem(id, version) {
  const name = `Item ${String(id).padStart(4, "0")}`;
  const lines = Array.from({ length: 6 }, (_, index) => ({
    sku: `SKU-${1000 + index}`,
    quantity: index,
    price: 12.5,
  }));
  const item = {
    id: 1000 + id,
    version,
    name,
    isActive: true,
    parent: null,
    lines,
    address: { city: "Aarhus", zip: "8000" },
  };
  const padding = ITEM_LENGTH - JSON.stringify({ ...item, text: "" }).length;
  return { ...item, text: "Two spoons of tea. ".repeat(50).slice(0, padding) };
}

/**
 * The loader of a hit: that it runs at all means that a miss was measured.
 *
 * @returns {never}
 */
export function noLoad() {
  throw new Error("There was a miss where a hit is measured.");
}
