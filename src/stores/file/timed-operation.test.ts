import { expect, test } from "vitest";

import { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError, StoreServiceError } from "../../core/errors.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { TimedOperation } from "./timed-operation.ts";

const never = new Promise<never>(() => {});

async function failureOf(operation: Promise<unknown>): Promise<unknown> {
  return operation.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("an operation that hangs fails at its deadline: not sent before it writes, unknown from then on", async () => {
  const reading = await failureOf(TimedOperation.run(new Deadline(20), () => never));
  expect(reading).toBeInstanceOf(StoreConnectionError);
  expect(reading).toMatchObject({ outcome: "not-sent", message: expect.stringContaining("within 20 ms") });
  const writing = await failureOf(
    TimedOperation.run(new Deadline(20), (operation) => {
      operation.beginWrite();
      return never;
    }),
  );
  expect(writing).toBeInstanceOf(StoreConnectionError);
  expect(writing).toMatchObject({ outcome: "unknown" });
});

test("an operation reported as not sent is not written later", async () => {
  let resume = (): void => {};
  const hanging = new Promise<void>((resolve) => (resume = resolve));
  let late: unknown;
  const running = TimedOperation.run(new Deadline(20), async (operation) => {
    await hanging;
    try {
      operation.beginWrite();
    } catch (error) {
      late = error;
    }
  });
  await expect(running).rejects.toMatchObject({ outcome: "not-sent" });
  resume();
  await new Promise(setImmediate);
  expect(late).toBeInstanceOf(StoreConnectionError);
});

test("a deadline that has passed on the clock prevents a write, even if no timer has fired", async () => {
  const clock = new ManualClock();
  const running = TimedOperation.run(new Deadline(60_000, clock), async (operation) => {
    clock.advance(60_000);
    operation.beginWrite();
  });
  await expect(running).rejects.toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "not-sent" });
  let isRun = false;
  const passed = new Deadline(0, clock);
  await expect(TimedOperation.run(passed, async () => (isRun = true))).rejects.toMatchObject({
    outcome: "not-sent",
  });
  expect(isRun).toBe(false);
});

test("an error of the system becomes a StoreServiceError with its code and advice, without the name of the file", async () => {
  const error = Object.assign(
    new Error("ENOSPC: no space left on device, write '/sessions/sessionidsecret'"),
    {
      code: "ENOSPC",
      syscall: "write",
      path: "/sessions/sessionidsecret",
    },
  );
  const failure = (await failureOf(
    TimedOperation.run(new Deadline(1000), () => Promise.reject(error)),
  )) as StoreServiceError;
  expect(failure).toBeInstanceOf(StoreServiceError);
  expect(failure.outcome).toBe("not-sent");
  expect(failure.message).toBe("The file store failed at write with ENOSPC. The disk is full. Make room.");
  expect(failure.cause).toBeUndefined();
  const begun = await failureOf(
    TimedOperation.run(new Deadline(1000), (operation) => {
      operation.beginWrite();
      return Promise.reject(Object.assign(new Error("EIO"), { code: "EIO", syscall: "rename" }));
    }),
  );
  expect(begun).toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "unknown" });
});

test("a fault in the program is not taken for a failure of the disk", async () => {
  const fault = new TypeError("not a function");
  await expect(TimedOperation.run(new Deadline(1000), () => Promise.reject(fault))).rejects.toBe(fault);
});

test("a deadline beyond the maximum of a timer is not a deadline of 1 ms", async () => {
  const day = 86_400_000;
  const pause = new Promise((resolve) => setTimeout(() => resolve("done"), 20));
  expect(await TimedOperation.run(new Deadline(50 * day), () => pause)).toBe("done");
});
