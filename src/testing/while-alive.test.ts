import { beforeEach, expect, test } from "vitest";

import { ManualClock } from "./manual-clock.ts";
import { type ShortLife, whileAlive } from "./while-alive.ts";

let clock: ManualClock;
/** Times to live of the attempts so far. */
let ttls: number[];

beforeEach(() => {
  [clock, ttls] = [new ManualClock(), []];
});

const run = (attempt: (life: ShortLife) => unknown): Promise<void> =>
  whileAlive(
    400,
    async (life) => {
      ttls.push(life.ttl);
      attempt(life);
    },
    clock,
  );

test("a test whose first steps take half of the life runs once", async () => {
  await run(({ assertAlive }) => {
    clock.advance(200);
    assertAlive();
    clock.advance(480);
  });
  expect(ttls).toEqual([400]);
});

test("when more than half of the life has passed before it may end, the test runs again with twice the time", async () => {
  await run(({ assertAlive }) => {
    clock.advance(700);
    assertAlive();
  });
  expect(ttls).toEqual([400, 800, 1600]);
});

test("a failure after more than half of the life is doubtful: the test runs again", async () => {
  await run(({ ttl, assertAlive }) => {
    clock.advance(300);
    if (ttl < 1600) throw new Error("it has expired already");
    assertAlive();
  }).catch(() => {});
  expect(ttls).toEqual([400, 800]);
});

test.for([
  ["while the life lasts", ({ ttl }: ShortLife) => clock.advance(ttl / 2)],
  [
    "after it was to end",
    ({ ttl, assertAlive }: ShortLife) => {
      assertAlive();
      clock.advance(ttl);
    },
  ],
] as const)("a failure %s is the test's own, at once", async ([, pass]) => {
  const failure = new Error("wrong value");
  const failing = run((life) => {
    pass(life);
    throw failure;
  });
  await expect(failing).rejects.toBe(failure);
  expect(ttls).toEqual([400]);
});

test("a failure of a test that does not read its time to live is its own, however long it takes", async () => {
  const failure = new Error("wrong value");
  let attempts = 0;
  const failing = async (): Promise<void> => {
    attempts++;
    clock.advance(60_000);
    throw failure;
  };
  await expect(whileAlive(400, failing, clock)).rejects.toBe(failure);
  expect(attempts).toBe(1);
});

test("restart() measures another life from then on", async () => {
  await run(({ assertAlive, restart }) => {
    assertAlive();
    clock.advance(480);
    restart();
    clock.advance(100);
    assertAlive();
  });
  expect(ttls).toEqual([400]);
});

test("it gives up after five attempts, with what to do, and the last failure as cause", async () => {
  const failure = new Error("it has expired already");
  const failing = run(({ ttl }) => {
    clock.advance(ttl);
    throw failure;
  });
  const message = /took 6400 ms of a time to live of 6400 ms, .*Run it on a machine that is less busy/;
  await expect(failing).rejects.toThrow(message);
  await expect(failing).rejects.toMatchObject({ cause: failure });
  expect(ttls).toEqual([400, 800, 1600, 3200, 6400]);
});
