import { expect, test } from "vitest";

import { Deadline } from "../../core/deadlines.ts";
import { newSessionKey } from "../../core/ids.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { memoryCacheStore, memorySessionStore } from "../memory/index.ts";
import { cachedSessionStore } from "./index.ts";

const later = (): Deadline => new Deadline(30_000);
const HOUR = 3_600_000;

function open() {
  const context = { projectName: "shop", redis: new RedisRegistry(), clock: new ManualClock() };
  const [cache, database] = [memoryCacheStore()(context), memorySessionStore()(context)];
  return { cache, database, store: cachedSessionStore({ cache: () => cache, database: () => database })(context) };
}

test("a writer who was first in the database does not copy what another one has deleted since", async () => {
  const { cache, database, store } = open();
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  let goOn = (): void => {};
  let committing: Promise<unknown> = Promise.resolve();
  const [originalDelete, compareAndSet] = [database.delete.bind(database), cache.compareAndSet.bind(cache)];
  // The deleting one has put its mark. The other one puts its own, writes, and is held up before it copies.
  database.delete = async (...args) => {
    await new Promise<void>((resolve) => {
      cache.compareAndSet = async (...copyArgs) => {
        cache.compareAndSet = compareAndSet;
        resolve();
        await new Promise<void>((release) => (goOn = release));
        return compareAndSet(...copyArgs);
      };
      committing = store.commit(key, "two", { start: 0, text: "one" }, HOUR, later());
    });
    return originalDelete(...args);
  };
  expect(await store.delete(key, later())).toBe(true);
  goOn();
  expect(await committing).toStrictEqual({ status: "committed" });
  expect(await store.read(key, later())).toBeUndefined();
});
