import { expect, test } from "vitest";

import { toRedisTtl } from "./arguments.ts";

test.each([
  [0.2, "1"],
  [1, "1"],
  [1.2, "2"],
  [60_000, "60000"],
  [Number.MAX_SAFE_INTEGER, "9007199254740991"],
  [1e21, "9007199254740991"],
  [Number.MAX_VALUE, "9007199254740991"],
  [Number.POSITIVE_INFINITY, "9007199254740991"],
])("a time to live of %d ms is %s for Redis", (ttl, argument) => {
  expect(toRedisTtl(ttl)).toBe(argument);
});
