import { expect, test } from "vitest";

import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { newSessionKey } from "../../core/ids.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { FileLocks, type HeldLock } from "./file-locks.ts";
import { FileSessionStore } from "./file-session-store.ts";
import { SessionFolder } from "./session-folder.ts";

const later = (): Deadline => new Deadline(30_000);
const etag = { start: 0, text: "one" };
const HOUR = 3_600_000;

/** Locks that are lost as soon as they are taken, from a moment on. */
class LostLocks extends FileLocks {
  areLost = false;

  override hold<Result>(...[file, operation, task]: Parameters<FileLocks["hold"]>): Promise<Result> {
    const checkHeld = (): void => {
      if (this.areLost) throw new StoreConnectionError("lost", { outcome: "not-sent" });
    };
    return super.hold(file, operation, (lock: HeldLock) =>
      task(this.areLost ? { checkHeld } : lock),
    ) as Promise<Result>;
  }
}

test("nothing is written or deleted under a lock that was lost", async () => {
  const locks = new LostLocks();
  const folder = new SessionFolder(temporaryFolder(), "s");
  const store = new FileSessionStore({ folder, age: HOUR, clock: new ManualClock(), locks });
  const [key, other] = [newSessionKey(), newSessionKey()];
  await store.create(key, "one", HOUR, later());
  locks.areLost = true;
  for (const write of [
    () => store.create(other, "one", HOUR, later()),
    () => store.commit(key, "two", etag, HOUR, later()),
    () => store.touch(key, etag, HOUR, later()),
    () => store.delete(key, later()),
    () => store.deleteIfMatch(key, etag, later()),
  ]) {
    await expect(write()).rejects.toThrow("lost");
  }
  expect(await store.read(key, later())).toBe("one");
  expect(await store.read(other, later())).toBeUndefined();
});
