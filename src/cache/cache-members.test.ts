import { expect, test } from "vitest";

import { Cache } from "./index.ts";

const CALLS = [
  "add",
  "addMany",
  "bumpVersion",
  "clear",
  "close",
  "decr",
  "decrMany",
  "decrVersion",
  "delete",
  "deleteMany",
  "deletePattern",
  "expire",
  "expireAt",
  "get",
  "getMany",
  "getOrSet",
  "getOrSetMany",
  "has",
  "hasMany",
  "incr",
  "incrMany",
  "incrVersion",
  "invalidateTags",
  "iterKeys",
  "keys",
  "lock",
  "memoize",
  "on",
  "peek",
  "persist",
  "persistMany",
  "ping",
  "pttl",
  "pttlMany",
  "set",
  "setMany",
  "take",
  "takeMany",
  "touch",
  "touchMany",
  "ttl",
  "ttlMany",
];
const ACCESSORS = ["capabilities", "counters", "keySpace", "leasedEntries", "records", "stats", "storeName"];

test("Cache declares each of its calls itself, and inherits none", () => {
  expect(Object.getPrototypeOf(Cache.prototype)).toBe(Object.prototype);
  const own = Object.getOwnPropertyNames(Cache.prototype).filter((name) => name !== "constructor");
  expect(own.toSorted()).toEqual([...CALLS, ...ACCESSORS].toSorted());
});
