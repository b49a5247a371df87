import { expect, test } from "vitest";

import { systemClock } from "../../../core/clock.ts";
import { Deadline } from "../../../core/deadlines.ts";
import { newSessionKey } from "../../../core/ids.ts";
import { RedisRegistry } from "../../../redis/registry.ts";
import { memorySessionStore } from "../../memory/index.ts";
import { sampleSessionRecords } from "../index.ts";

test("reads records of a store, no more than requested", async () => {
  const store = memorySessionStore()({ projectName: "shop", redis: new RedisRegistry(), clock: systemClock });
  const records = ["first", "second", "third"];
  for (const record of records) await store.create(newSessionKey(), record, 60_000, new Deadline(1000));
  expect((await sampleSessionRecords(store)).toSorted()).toEqual(records);
  expect(await sampleSessionRecords(store, 2)).toHaveLength(2);
  expect(await sampleSessionRecords(store, 0)).toEqual([]);
});
