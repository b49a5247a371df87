import { expect, test } from "vitest";

import { openCache } from "../../test/support/cache-harness.ts";
import { checkAgainstModel, stepsOf } from "../../test/support/cache-model.ts";
import { scaled } from "../../test/support/scale.ts";

test("any sequence of calls returns the results of a plain Map with expiry, and getMany agrees with get", async () => {
  const open = () => {
    const { cache, clock } = openCache();
    return { cache, wait: () => clock.advance(1000) };
  };
  const steps = stepsOf([null, 1, 2, 60, 0, -1], true);
  await expect(checkAgainstModel(steps, open, scaled(200, 10_000))).resolves.toBeUndefined();
});
