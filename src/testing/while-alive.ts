import { type Clock, type Milliseconds, systemClock } from "../core/clock.ts";

/** Attempts of {@link whileAlive}, the last one with 16 times the first time to live. */
const MAX_ATTEMPTS = 5;

/** A short life of an entry, a record or a lease, in one attempt of a test. */
export interface ShortLife {
  /** Measured from the first read: a test that does not read it never fails for lack of time. */
  readonly ttl: Milliseconds;
  /**
   * To be called before the test lets the life end. Throws if more than half of it has passed: then
   * the entry may have expired during the steps before, which prove nothing.
   */
  readonly assertAlive: () => void;
  /** Starts another life of the same length. */
  readonly restart: () => void;
}

class TooLate extends Error {}

/**
 * Runs a test that needs an entry to be alive during its first steps, again with twice the time if
 * the machine was too slow for them: if {@link ShortLife.assertAlive} throws, or the test fails
 * after more than half of the life.
 *
 * @param shortest Time to live in the first attempt.
 * @param attempt The test. It must leave nothing behind that disturbs another attempt.
 * @param clock Measures the steps.
 * @throws The error of the attempt while the life lasts, or one that reports how slow the steps
 * were in the last attempt.
 */
export async function whileAlive<Result>(
  shortest: Milliseconds,
  attempt: (life: ShortLife) => Promise<Result>,
  clock: Clock = systemClock,
): Promise<Result> {
  for (let ttl = shortest, count = 1; ; ttl *= 2, count++) {
    const life = measureLife(ttl, clock);
    try {
      return await attempt(life);
    } catch (error) {
      if (!life.isInDoubt(error)) throw error;
      if (count === MAX_ATTEMPTS) throw slownessOf(life.describeSteps(), error);
    }
  }
}

/** Waits until a life has ended: a fifth longer than its time to live. */
export async function letEnd(life: ShortLife, advance: (span: Milliseconds) => unknown): Promise<void> {
  life.assertAlive();
  await advance(life.ttl * 1.2);
  life.restart();
}

function measureLife(ttl: Milliseconds, clock: Clock) {
  let [begin, isOver, spent] = [Number.NaN, false, 0];
  const isLate = (): boolean => {
    spent = clock.monotonic() - begin;
    return spent > ttl / 2;
  };
  return {
    get ttl(): Milliseconds {
      if (Number.isNaN(begin)) begin = clock.monotonic();
      return ttl;
    },
    assertAlive: (): void => {
      if (isLate()) throw new TooLate();
      isOver = true;
    },
    restart: (): void => {
      [begin, isOver] = [clock.monotonic(), false];
    },
    isInDoubt: (error: unknown): boolean => error instanceof TooLate || (!isOver && isLate()),
    describeSteps: (): string => `${Math.round(spent)} ms of a time to live of ${ttl} ms`,
  };
}

function slownessOf(steps: string, error: unknown): Error {
  const message =
    `The first steps of this test took ${steps}, and may take half of it. ` +
    "Run it on a machine that is less busy, or give it a longer time to live.";
  return new Error(message, error instanceof TooLate ? {} : { cause: error });
}
