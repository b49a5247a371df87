import { existsSync } from "node:fs";
import { mkdir, rmdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";

import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { Deadline } from "../../core/deadlines.ts";
import { ImproperlyConfigured, StoreConnectionError } from "../../core/errors.ts";
import { FileLocks, STALE_AFTER } from "./file-locks.ts";
import { TimedOperation } from "./timed-operation.ts";

const later = (): Deadline => new Deadline(30_000);

function hold<Result>(
  locks: FileLocks,
  file: string,
  task: () => Promise<Result>,
  deadline = later(),
): Promise<Result> {
  return TimedOperation.run(deadline, (timed) => locks.hold(file, timed, task));
}

test("a lock is held by one task at a time, also among independent instances, and nothing stays behind", async () => {
  const file = join(temporaryFolder(), "file");
  const [one, other] = [new FileLocks(), new FileLocks()];
  let inside = 0;
  let most = 0;
  const task = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await new Promise(setImmediate);
    inside--;
  };
  await Promise.all(Array.from({ length: 40 }, (_, turn) => hold(turn % 2 === 0 ? one : other, file, task)));
  expect(most).toBe(1);
  expect(existsSync(`${file}.lock`)).toBe(false);
});

test("a lock that is not free before the deadline: not sent, the task never runs, and the next ones do", async () => {
  const file = join(temporaryFolder(), "file");
  const locks = new FileLocks();
  await mkdir(`${file}.lock`);
  let runs = 0;
  const task = async (): Promise<number> => ++runs;
  const waiting = [hold(locks, file, task, new Deadline(50)), hold(locks, file, task, new Deadline(60))];
  for (const each of waiting) await expect(each).rejects.toMatchObject({ outcome: "not-sent" });
  await rmdir(`${file}.lock`);
  expect(await hold(locks, file, task)).toBe(1);
});

test("a task that fails releases the lock", async () => {
  const file = join(temporaryFolder(), "file");
  const locks = new FileLocks();
  await expect(hold(locks, file, () => Promise.reject(new TypeError("failed")))).rejects.toThrow("failed");
  expect(await hold(locks, file, async () => "next")).toBe("next");
});

test("the lock of a process that has ended is taken once it is stale", async () => {
  const file = join(temporaryFolder(), "file");
  await mkdir(`${file}.lock`);
  const old = (Date.now() - STALE_AFTER - 1000) / 1000;
  await utimes(`${file}.lock`, old, old);
  expect(await hold(new FileLocks(), file, async () => "taken", new Deadline(2000))).toBe("taken");
});

test("a process that was suspended while holding a lock, so that others may take it, does not write", async () => {
  const file = join(temporaryFolder(), "file");
  const locks = new FileLocks();
  const clock = vi.spyOn(performance, "now");
  onTestFinished(() => clock.mockRestore());
  const operation = TimedOperation.run(later(), (timed) =>
    locks.hold(file, timed, async ({ checkHeld }) => {
      checkHeld();
      const now = performance.now();
      clock.mockReturnValue(now + STALE_AFTER / 2);
      checkHeld();
    }),
  );
  await expect(operation).rejects.toBeInstanceOf(StoreConnectionError);
  await expect(operation).rejects.toThrow("so nothing was written");
});

test("a process that was suspended while holding a lock that others have taken leaves theirs alone", async () => {
  const file = join(temporaryFolder(), "file");
  const locks = new FileLocks();
  await locks.prepare();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  await hold(locks, file, async () => {
    await rmdir(`${file}.lock`);
    await mkdir(`${file}.lock`);
    await utimes(`${file}.lock`, Date.now() / 1000 + 5, Date.now() / 1000 + 5);
    vi.advanceTimersByTime(STALE_AFTER / 2);
  });
  expect(await locks.isHeld(file)).toBe(true);
});

test("without proper-lockfile the error says what to install", async () => {
  const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
  const locks = new FileLocks(() => Promise.reject(missing));
  await expect(locks.prepare()).rejects.toBeInstanceOf(ImproperlyConfigured);
  await expect(locks.prepare()).rejects.toThrow("npm install proper-lockfile");
  const broken = new FileLocks(() => Promise.reject(new SyntaxError("broken")));
  await expect(broken.prepare()).rejects.toBeInstanceOf(SyntaxError);
});
