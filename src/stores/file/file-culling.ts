import { join } from "node:path";

import type { Clock, EpochMilliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { readLease, readLock } from "../cell-state.ts";
import { chunksOf } from "../chunks.ts";
import { type CullBounds, CullInterval, excessOf } from "../cull-interval.ts";
import { integerOf } from "../scalar-pickle.ts";
import { ENTRY_SUFFIX, LEASE_SUFFIX, LOCK_SUFFIX, readCacheFile } from "./cache-file.ts";
import type { CacheFolder } from "./cache-folder.ts";
import type { Begin, FileStripes } from "./file-stripes.ts";
import { deleteFile, findModified, TEMPORARY_SUFFIX } from "./record-file.ts";
import { TimedOperation } from "./timed-operation.ts";
import { readBytes } from "./whole-file.ts";

/** Number of files examined at once. */
const PAGE_SIZE = 100;

/** Age from which a temporary file is left over from a process that has ended. */
const LEFTOVER_AGE = 60_000;

interface Found {
  readonly name: string;
  readonly expiresAt: EpochMilliseconds;
  readonly isCounter: boolean;
}

/** Options of {@link FileCulling}. */
export interface FileCullingParts extends CullBounds {
  readonly folder: CacheFolder;
  readonly stripes: FileStripes;
  readonly clock: Clock;
}

/**
 * Keeps a folder within its maximum: first what has expired, then the entries that expire first.
 * Counters stay. Leases, locks and temporary files that are over go as well.
 */
export class FileCulling {
  readonly #parts: FileCullingParts;
  readonly #interval: CullInterval;

  constructor(parts: FileCullingParts) {
    this.#parts = parts;
    this.#interval = new CullInterval(parts);
  }

  /** @param written Number of entries that were written. */
  afterWrite(written: number, deadline: Deadline): Promise<void> {
    return this.#interval.afterWrite(written, () => this.#cull(deadline));
  }

  async #cull(deadline: Deadline): Promise<void> {
    const { folder, clock } = this.#parts;
    const names = await folder.list([ENTRY_SUFFIX], () => deadline);
    if (names.length <= this.#parts.maxEntries) return;
    await this.#deleteLeftovers(deadline);
    const found = await this.#examine(names, deadline);
    const now = clock.now();
    const live = found.filter(({ expiresAt }) => expiresAt > now);
    const others = live
      .filter(({ isCounter }) => !isCounter)
      .toSorted((one, other) => one.expiresAt - other.expiresAt || (one.name < other.name ? -1 : 1));
    const expired = found.filter(({ expiresAt }) => expiresAt <= now);
    const doomed = [...expired, ...others.slice(0, excessOf(live.length, this.#parts))];
    await this.#parts.stripes.run(
      doomed,
      ({ name }) => name,
      (each, begin) => this.#delete(each, begin),
      deadline,
    );
  }

  async #examine(names: readonly string[], deadline: Deadline): Promise<Found[]> {
    const found: Found[] = [];
    for (const chunk of chunksOf(names, PAGE_SIZE)) {
      const page = await TimedOperation.run(deadline, () =>
        Promise.all(chunk.map((name) => this.#find(name))),
      );
      found.push(...page.filter((each) => each !== undefined));
    }
    return found;
  }

  /** A file that is none of a cache has expired. */
  async #find(name: string): Promise<Found | undefined> {
    const bytes = await readBytes(join(this.#parts.folder.path, name));
    if (bytes === undefined) return undefined;
    const { expiresAt, value } = readCacheFile(bytes) ?? { expiresAt: 0, value: undefined };
    return { name, expiresAt, isCounter: value !== undefined && integerOf(value) !== undefined };
  }

  /** Leaves an entry that has been replaced meanwhile by one that lives longer, or by a counter. */
  async #delete({ name, expiresAt }: Found, begin: Begin): Promise<void> {
    const found = await this.#find(name);
    if (found === undefined || found.expiresAt > expiresAt) return;
    if (found.isCounter && found.expiresAt > this.#parts.clock.now()) return;
    begin();
    await deleteFile(join(this.#parts.folder.path, name));
  }

  async #deleteLeftovers(deadline: Deadline): Promise<void> {
    const { folder, stripes } = this.#parts;
    const states = await folder.list([LEASE_SUFFIX, LOCK_SUFFIX], () => deadline);
    const deleteState = (name: string, begin: Begin): Promise<void> => this.#deleteState(name, begin);
    await stripes.run(states, (name) => name, deleteState, deadline);
    for (const name of await folder.list([TEMPORARY_SUFFIX], () => deadline))
      await TimedOperation.run(deadline, () => this.#deleteTemporary(join(folder.path, name)));
  }

  async #deleteState(name: string, begin: Begin): Promise<void> {
    const path = join(this.#parts.folder.path, name);
    const text = (await readBytes(path))?.toString() ?? null;
    const state = name.endsWith(LEASE_SUFFIX) ? readLease(text) : readLock(text);
    if (state !== undefined && state.forgottenAt > this.#parts.clock.now()) return;
    begin();
    await deleteFile(path);
  }

  /** By the clock of the host, which the time of a file is from. */
  async #deleteTemporary(path: string): Promise<void> {
    const modifiedAt = await findModified(path);
    if (modifiedAt !== undefined && modifiedAt < Date.now() - LEFTOVER_AGE) await deleteFile(path);
  }
}
