import { join } from "node:path";

import type { Clock } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { Semaphore } from "../../core/semaphore.ts";
import type { CacheEntry } from "../cache-store.ts";
import { expiryAt } from "../cell-rules.ts";
import { keyOfState, readLease, readLock, writeState } from "../cell-state.ts";
import type { Cell, CellEntry, CellLease, CellLock, Cells, Decide } from "../cells.ts";
import { chunksOf } from "../chunks.ts";
import { endsLease } from "../ends-lease.ts";
import {
  type CacheFile,
  ENTRY_SUFFIX,
  fileNameOf,
  LEASE_SUFFIX,
  LOCK_SUFFIX,
  readCacheFile,
  writeCacheFile,
} from "./cache-file.ts";
import { bufferOf } from "../scalar-pickle.ts";
import type { CacheFolder } from "./cache-folder.ts";
import type { FileCulling } from "./file-culling.ts";
import type { Begin, FileStripes } from "./file-stripes.ts";
import { deleteFile } from "./record-file.ts";
import { TimedOperation } from "./timed-operation.ts";
import { readBytes, writeBytes } from "./whole-file.ts";

/** Options of {@link FileCells}. */
export interface FileCellsParts {
  readonly folder: CacheFolder;
  readonly stripes: FileStripes;
  readonly clock: Clock;
  readonly culling: FileCulling;
}

/** Number of files examined for one page of a walk. */
const PAGE_SIZE = 100;

// Node works on files with four threads, so more gain nothing; a process may have few files open.
const readings = new Semaphore(16);

/**
 * Entries of a cache as files of one folder, as Django's file cache keeps them; their leases and
 * locks as files beside them.
 *
 * Whatever writes holds a lock that covers the key's files, so it decides at one instant among the
 * processes of one host. A lease changes before the entry: a process that is killed in between has
 * lost a load.
 */
export class FileCells implements Cells {
  readonly #folder: CacheFolder;
  readonly #stripes: FileStripes;
  readonly #clock: Clock;
  readonly #culling: FileCulling;

  constructor({ folder, stripes, clock, culling }: FileCellsParts) {
    this.#folder = folder;
    this.#stripes = stripes;
    this.#clock = clock;
    this.#culling = culling;
  }

  async read(keys: readonly string[], deadline: Deadline): Promise<readonly (CellEntry | undefined)[]> {
    const read = (key: string): Promise<CellEntry | undefined> =>
      TimedOperation.run(deadline, () => readings.run(() => this.#readLive(key)));
    const entries: (CellEntry | undefined)[] = [];
    for (const chunk of chunksOf(keys, PAGE_SIZE)) entries.push(...(await Promise.all(chunk.map(read))));
    return entries;
  }

  async change<Answer>(
    keys: readonly string[],
    ruleOf: (index: number) => Decide<Cell, Answer>,
    deadline: Deadline,
  ): Promise<readonly Answer[]> {
    let added = 0;
    const decide = async ([index, key]: readonly [number, string], begin: Begin): Promise<Answer> => {
      const cell = { entry: await this.#readLive(key), lease: await this.#readLease(key) };
      const { answer, next } = ruleOf(index)(cell, this.#clock.now());
      if (next !== undefined) await this.#replace(key, cell, next, begin);
      if (next?.entry !== undefined && cell.entry === undefined) added++;
      return answer;
    };
    const answers = await this.#stripes.run(
      [...keys.entries()],
      ([, key]) => fileNameOf(key),
      decide,
      deadline,
    );
    if (added > 0) await this.#culling.afterWrite(added, deadline);
    return answers;
  }

  async changeLock<Answer>(
    key: string,
    decide: Decide<CellLock | undefined, Answer>,
    deadline: Deadline,
  ): Promise<Answer> {
    const work = async (_: string, begin: Begin): Promise<Answer> => {
      const path = this.#folder.pathOf(key, LOCK_SUFFIX);
      const lock = readLock(await readText(path));
      const now = this.#clock.now();
      const { answer, next } = decide(lock !== undefined && lock.forgottenAt > now ? lock : undefined, now);
      if (next !== undefined) await writeBytes(path, writeState(key, next), begin);
      return answer;
    };
    const answers = await this.#stripes.run([key], fileNameOf, work, deadline);
    return answers[0] as Answer;
  }

  async put(entries: readonly CacheEntry[], deadline: Deadline): Promise<void> {
    // The last of several entries with one key is the one that stays.
    const last = [...new Map(entries.map((entry) => [entry.key, entry])).values()];
    const write = async ({ key, value, ttl }: CacheEntry, begin: Begin): Promise<void> => {
      if (endsLease(ttl)) await this.#deleteLease(key, begin);
      await this.#write(key, { value: bufferOf(value), expiresAt: expiryAt(this.#clock.now(), ttl) }, begin);
    };
    await this.#stripes.run(last, ({ key }) => fileNameOf(key), write, deadline);
    await this.#culling.afterWrite(last.length, deadline);
  }

  async delete(keys: readonly string[], deadline: Deadline): Promise<number> {
    const work = async (key: string, begin: Begin): Promise<boolean> => {
      const isLive = (await this.#readLive(key)) !== undefined;
      await this.#deleteLease(key, begin);
      begin();
      await deleteFile(this.#folder.pathOf(key, ENTRY_SUFFIX));
      return isLive;
    };
    const deleted = await this.#stripes.run(keys, fileNameOf, work, deadline);
    return deleted.filter(Boolean).length;
  }

  async *pages(pageDeadline: () => Deadline): AsyncGenerator<readonly string[], void, undefined> {
    const names = await this.#folder.list([ENTRY_SUFFIX], pageDeadline);
    for (const chunk of chunksOf(names, PAGE_SIZE)) {
      const files = await TimedOperation.run(pageDeadline(), () =>
        Promise.all(chunk.map((name) => readings.run(() => this.#readFile(join(this.#folder.path, name))))),
      );
      const now = this.#clock.now();
      yield files.flatMap((file) => (file?.key !== undefined && file.expiresAt > now ? [file.key] : []));
    }
  }

  async endLeases(isMeant: (key: string) => boolean, pageDeadline: () => Deadline): Promise<void> {
    for (const name of await this.#folder.list([LEASE_SUFFIX], pageDeadline)) {
      const state = await TimedOperation.run(pageDeadline(), () => readText(join(this.#folder.path, name)));
      const key = state === null ? undefined : keyOfState(state);
      if (key === undefined || !isMeant(key)) continue;
      await this.#stripes.run([key], fileNameOf, (_, begin) => this.#deleteLease(key, begin), pageDeadline());
    }
  }

  ping(deadline: Deadline): Promise<void> {
    return TimedOperation.run(deadline, async () => {
      await this.#folder.prepare();
      await this.#folder.checkPresence();
      await this.#stripes.prepare();
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #replace(key: string, cell: Cell, next: Cell, begin: Begin): Promise<void> {
    if (next.lease !== cell.lease) {
      if (next.lease === undefined) await this.#deleteLease(key, begin);
      else await writeBytes(this.#folder.pathOf(key, LEASE_SUFFIX), writeState(key, next.lease), begin);
    }
    if (next.entry === cell.entry) return;
    if (next.entry !== undefined) return this.#write(key, next.entry, begin);
    begin();
    await deleteFile(this.#folder.pathOf(key, ENTRY_SUFFIX));
  }

  #write(key: string, entry: CellEntry, begin: Begin): Promise<void> {
    return writeBytes(this.#folder.pathOf(key, ENTRY_SUFFIX), writeCacheFile(key, entry), begin);
  }

  async #deleteLease(key: string, begin: Begin): Promise<void> {
    begin();
    await deleteFile(this.#folder.pathOf(key, LEASE_SUFFIX));
  }

  /** Another key may have the same MD5: its entry is not this one's. */
  async #readLive(key: string): Promise<CellEntry | undefined> {
    await this.#folder.prepare();
    const file = await this.#readFile(this.#folder.pathOf(key, ENTRY_SUFFIX));
    if (file === undefined) await this.#folder.checkPresence();
    if (file === undefined || file.expiresAt <= this.#clock.now()) return undefined;
    return file.key === undefined || file.key === key ? file : undefined;
  }

  async #readFile(path: string): Promise<CacheFile | undefined> {
    const bytes = await readBytes(path);
    return bytes && readCacheFile(bytes);
  }

  async #readLease(key: string): Promise<CellLease | undefined> {
    const lease = readLease(await readText(this.#folder.pathOf(key, LEASE_SUFFIX)));
    return lease !== undefined && lease.forgottenAt > this.#clock.now() ? lease : undefined;
  }
}

async function readText(path: string): Promise<string | null> {
  return (await readBytes(path))?.toString() ?? null;
}
