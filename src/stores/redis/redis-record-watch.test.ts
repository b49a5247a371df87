import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { RedisRecordWatch } from "./redis-record-watch.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

interface WatchOptions {
  readonly isCluster?: boolean;
  readonly ttlOf?: (key: SessionKey) => Promise<number>;
}

const alive = (): Promise<number> => Promise.resolve(3_600_000);

/** A watch over a connection that is not there, and the keys that it has looked at. */
function openWatch({ isCluster = true, ttlOf = alive }: WatchOptions = {}) {
  const looks: SessionKey[] = [];
  const failures: Error[] = [];
  const connection = {
    canTrack: true,
    isCluster,
    tracking: () => connection,
    checkLink: () => {},
    pingAll: () => Promise.resolve(),
    close: () => Promise.resolve(),
  } as unknown as RedisConnection;
  const places = {
    redisKeyOf: (key: SessionKey): string => key,
    ttlOf: (key: SessionKey) => {
      looks.push(key);
      return ttlOf(key);
    },
  };
  const watch = RedisRecordWatch.open(connection, places, {
    onGone: () => {},
    onFailure: (error) => void failures.push(error),
  });
  if (watch === undefined) throw new Error("the connection cannot track keys");
  onTestFinished(() => watch.close());
  return { watch, looks, failures };
}

const moment = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

test.each([
  [true, [1, 2]],
  [false, [10, 10]],
])(
  "links that end ten times within a second: on a cluster (%s), all is looked at twice",
  async (isCluster, expected) => {
    const { watch, looks } = openWatch({ isCluster });
    watch.add(newSessionKey());
    await moment();
    looks.length = 0;
    for (let count = 0; count < 10; count++) {
      watch.onLinkEnd();
      await moment();
    }
    const counts = [looks.length];
    await vi.advanceTimersByTimeAsync(10_000);
    expect([...counts, looks.length]).toStrictEqual(expected);
  },
);

test("a node that does not answer holds up no other, however many keys it has, and is told of once", async () => {
  const silent = new Set(Array.from({ length: 1000 }, newSessionKey));
  const other = newSessionKey();
  const late = (): Promise<number> =>
    new Promise((_, reject) => void setTimeout(() => reject(new Error("no answer")), 1000));
  const { watch, looks, failures } = openWatch({
    ttlOf: (key) => (silent.has(key) ? late() : alive()),
  });
  for (const key of [...silent, other]) watch.add(key);
  // Until each key of the node has failed once.
  await vi.advanceTimersByTimeAsync(10_000);
  expect(new Set(looks).size).toBe(1001);
  for (let count = 0; count < 100; count++) {
    await vi.advanceTimersByTimeAsync(100);
    looks.length = 0;
    watch.onChange(other);
    await moment();
    expect(looks).toContain(other);
  }
  await vi.advanceTimersByTimeAsync(20_000);
  expect(new Set(looks).size).toBe(1001);
  expect(failures).toHaveLength(1);
});

test("at most 200 looks are under way", async () => {
  const answers: (() => void)[] = [];
  const { watch, looks } = openWatch({
    ttlOf: () => new Promise((resolve) => void answers.push(() => resolve(3_600_000))),
  });
  for (let count = 0; count < 500; count++) watch.add(newSessionKey());
  await moment();
  expect(looks).toHaveLength(200);
  for (const answer of answers.splice(0, 50)) answer();
  await moment();
  expect(looks).toHaveLength(250);
});
