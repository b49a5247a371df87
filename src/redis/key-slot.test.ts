import { expect, test } from "vitest";

import { slotOf } from "./key-slot.ts";

// The first is the example of the cluster specification; the others are replies of CLUSTER KEYSLOT
// in Redis 7.0.
test.each([
  ["123456789", 12_739],
  ["", 0],
  ["foo", 12_182],
  ["é", 10_180],
  ["{user1000}.following", 3443],
  ["{user1000}.followers", 3443],
  ["foo{}{bar}", 8363],
  ["foo{{bar}}zap", 4015],
  ["foo{bar}{zap}", 5061],
  ["foo{bar", 15_278],
])("%j lies in slot %d", (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});
