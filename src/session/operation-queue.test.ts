import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { OperationQueue } from "./operation-queue.ts";

const FAILURE = new Error("the store is down");
const fail = () => Promise.reject(FAILURE);

function openQueue() {
  const unhandled = vi.fn<(error: unknown) => void>();
  process.on("unhandledRejection", unhandled);
  onTestFinished(() => void process.off("unhandledRejection", unhandled));
  return { queue: new OperationQueue({ noteInterruption: () => {} }), unhandled };
}

test("the first operation starts at once, later ones when all before have settled", async () => {
  const { queue } = openQueue();
  const steps: string[] = [];
  const step = (name: string) => async () => {
    steps.push(`${name} starts`);
    await setImmediate();
    steps.push(`${name} ends`);
    if (name === "second") throw FAILURE;
    return name;
  };
  const operations = ["first", "second", "third"].map((name) => queue.run(step(name)));
  expect([steps, queue.isBusy]).toEqual([["first starts"], true]);
  await queue.idle;
  expect(queue.isBusy).toBe(false);
  expect(steps).toEqual(["first", "second", "third"].flatMap((name) => [`${name} starts`, `${name} ends`]));
  const results = await Promise.allSettled(operations);
  expect(results.map((result) => (result.status === "fulfilled" ? result.value : result.reason))).toEqual([
    "first",
    FAILURE,
    "third",
  ]);
});

test("an operation that throws before its first await fails like any other", async () => {
  const { queue } = openQueue();
  const operation = queue.run((): Promise<void> => {
    throw FAILURE;
  });
  await expect(operation).rejects.toBe(FAILURE);
  expect(queue.isBusy).toBe(false);
});

test("a failure that nothing observes is kept for the response, and no unhandled rejection", async () => {
  const { queue, unhandled } = openQueue();
  void queue.run(fail);
  await setImmediate();
  expect(queue.isBusy).toBe(false);
  await expect(queue.takeFailure()).rejects.toBe(FAILURE);
  expect(queue.takeFailure()).toBeUndefined();
  expect(unhandled).not.toHaveBeenCalled();
});

test("a failure that the handler observes is its own", async () => {
  const { queue } = openQueue();
  await queue.run(fail).catch(() => {});
  expect(queue.takeFailure()).toBeUndefined();
});

test("without a response, an unobserved failure is a warning", async () => {
  const { queue, unhandled } = openQueue();
  const warn = vi.spyOn(process, "emitWarning").mockReturnValue();
  onTestFinished(() => warn.mockRestore());
  queue.isUnattended = true;
  void queue.run(fail);
  await queue.idle;
  await setImmediate();
  await setImmediate();
  expect(warn).toHaveBeenCalledOnce();
  expect(warn.mock.lastCall?.[1]).toMatchObject({ code: "SOJOURN_UNAWAITED_OPERATION" });
  expect(unhandled).not.toHaveBeenCalled();
});
