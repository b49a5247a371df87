// @ts-check
// Before anything is measured: every candidate really does what is going to be measured.
import { deepStrictEqual } from "node:assert/strict";
import { KEYS, makeItem, MANY } from "./candidate.mjs";

/** @typedef {import("./candidate.mjs").Candidate} Candidate */

/**
 * Stores all items, twice, and reads one of them in each way.
 *
 * @param {Candidate} candidate
 */
export async function seedAndCheck({ name, operations, errors }) {
  try {
    for (const version of [1000, 1001]) {
      await Promise.all(KEYS.map((key, id) => operations.set(key, makeItem(id, version))));
    }
    const [key = ""] = KEYS;
    const many = KEYS.slice(0, MANY);
    deepStrictEqual(await operations.get(key), makeItem(0, 1001));
    deepStrictEqual(await operations.getOrSet(key), makeItem(0, 1001));
    deepStrictEqual(
      await operations.getMany(many),
      many.map((_, id) => makeItem(id, 1001)),
    );
    deepStrictEqual((await operations.get("item:none")) ?? null, null);
  } catch (cause) {
    throw new Error(`${name} does not do what is to be measured.`, { cause });
  }
  expectNoErrors({ name, errors });
}

/**
 * Fails when a candidate has hidden an error.
 *
 * @param {Pick<Candidate, "name" | "errors">} candidate
 */
export function expectNoErrors({ name, errors: [cause] }) {
  if (cause !== undefined)
    throw new Error(`${name} has told of an error, so its figures say nothing.`, { cause });
}
