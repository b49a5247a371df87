// @ts-check
// Made-up data of sessions, the same in every run.

/**
 * @typedef {{ name: string, visitor: number, views: number, [more: string]: unknown }} Data `name` is what
 *   is read, `views` what is written.
 */

/** Length of {@link makeData} as JSON. */
export const DATA_LENGTH = 400;

/**
 * Data as a shop has it, of {@link DATA_LENGTH} characters.
 *
 * @param {number} visitor From 0 to 999.
 * @returns {Data}
 */
export function makeData(visitor) {
  const data = {
    name: nameOf(visitor),
    visitor: 1000 + visitor,
    views: 1000,
    language: "en",
    theme: "dark",
    timezone: "Europe/Copenhagen",
    isMember: true,
    cart: [
      { sku: "P10423", count: 2, price: 12.5 },
      { sku: "P10877", count: 1, price: 3.75 },
    ],
    address: { city: "Aarhus", zip: "8000" },
    page: "/categories/4711",
  };
  const padding = DATA_LENGTH - JSON.stringify({ ...data, note: "" }).length;
  return { ...data, note: "Two spoons of tea. ".repeat(20).slice(0, padding) };
}

/** @param {number} visitor From 0 to 999. */
export function nameOf(visitor) {
  return `Visitor ${String(visitor).padStart(4, "0")}`;
}

/**
 * Data with many keys: texts, numbers, flags, lists and objects in turns.
 *
 * @param {number} keys At least 3.
 * @returns {Data}
 */
export function makeDataWithKeys(keys) {
  /** @type {Data} */
  const data = { name: nameOf(0), visitor: 1000, views: 1000 };
  for (let at = 3; at < keys; at++) data[`key${at}`] = valueOf(at);
  return data;
}

/** @param {number} at */
function valueOf(at) {
  const values = [`value ${at}`, at, at % 2 === 0, [at, at + 1], { id: at, tag: "b" }];
  return values[at % values.length];
}
