import { join } from "node:path";

import type { Deadline } from "../../core/deadlines.ts";
import { writeInChunks } from "../await-writes.ts";
import type { CacheFolder } from "./cache-folder.ts";
import type { FileLocks } from "./file-locks.ts";
import { TimedOperation } from "./timed-operation.ts";

/**
 * Number of locks of a folder. A lock takes some milliseconds, so files that one call writes share
 * them: 1700 files with a lock each took 30 s on a busy machine.
 */
const STRIPES = 64;

/** Number of locks that one call asks for at once: as many as `FileLocks` tries at once. */
const STRIPES_AT_ONCE = 16;

/** To be called at the last moment before a change; throws if it is too late. */
export type Begin = () => void;

/** Locks of a cache's files over all processes of the host, by the first digits of their names. */
export class FileStripes {
  readonly #folder: CacheFolder;
  readonly #locks: FileLocks;

  constructor(folder: CacheFolder, locks: FileLocks) {
    this.#folder = folder;
    this.#locks = locks;
  }

  /** @throws {ImproperlyConfigured} If the library that locks is not installed. */
  prepare(): Promise<void> {
    return this.#locks.prepare();
  }

  /**
   * Runs a task for each item, under the lock of its file: those of one lock one after the other.
   *
   * @param nameOf Returns the name of the file of an item, which begins with hexadecimal digits.
   */
  async run<Item, Result>(
    items: readonly Item[],
    nameOf: (item: Item) => string,
    task: (item: Item, begin: Begin) => Promise<Result>,
    deadline: Deadline,
  ): Promise<readonly Result[]> {
    const results: Result[] = [];
    const groups = new Map<number, (readonly [number, Item])[]>();
    for (const entry of items.entries()) {
      const stripe = stripeOf(nameOf(entry[1]));
      const group = groups.get(stripe);
      if (group === undefined) groups.set(stripe, [entry]);
      else group.push(entry);
    }
    const runGroup = ([stripe, group]: readonly [
      number,
      readonly (readonly [number, Item])[],
    ]): Promise<void> =>
      this.#hold(stripe, deadline, async (begin) => {
        for (const [index, item] of group) results[index] = await task(item, begin);
      });
    await writeInChunks([...groups], runGroup, STRIPES_AT_ONCE);
    return results;
  }

  #hold(stripe: number, deadline: Deadline, task: (begin: Begin) => Promise<void>): Promise<void> {
    return TimedOperation.run(deadline, async (operation) => {
      await this.#folder.prepare();
      await this.#locks.hold(join(this.#folder.path, `stripe-${stripe}`), operation, ({ checkHeld }) =>
        task(() => {
          checkHeld();
          operation.beginWrite();
        }),
      );
    });
  }
}

function stripeOf(name: string): number {
  const digits = Number.parseInt(name.slice(0, 4), 16);
  return Number.isNaN(digits) ? 0 : digits % STRIPES;
}
