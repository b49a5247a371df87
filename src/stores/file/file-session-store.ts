import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { Etag } from "../../core/etag.ts";
import { hashSessionKey, type SessionKey } from "../../core/ids.ts";
import { Semaphore } from "../../core/semaphore.ts";
import { RecordTombstones } from "../record-tombstones.ts";
import {
  type ClearProgress,
  type CommitResult,
  type CreateResult,
  hasEtag,
  type RecordWithTtl,
  type SessionStore,
} from "../session-store.ts";
import type { FileLocks } from "./file-locks.ts";
import {
  deleteFile,
  deleteRead,
  findModified,
  readFile,
  type RecordFile,
  replaceFile,
  setModified,
} from "./record-file.ts";
import type { SessionFolder } from "./session-folder.ts";
import { TimedOperation } from "./timed-operation.ts";

/** Options of {@link FileSessionStore}. */
export interface FileSessionStoreOptions {
  readonly folder: SessionFolder;
  /** Time from a file's modification to its expiry, in milliseconds. */
  readonly age: Milliseconds;
  readonly clock: Clock;
  readonly locks: FileLocks;
  /** Files of tombstones, as those of another store in the same folder. */
  readonly tombstones?: FileSessionStore;
}

/** Changes a file that was read; returns `false` if a writer without a lock (Django) was faster. */
type FileChange = (file: string, read: RecordFile, begin: () => void) => Promise<boolean>;

const COMMITTED: CommitResult = { status: "committed" };
const GONE: CommitResult = { status: "gone" };

// Node works on files with four threads, so more gain nothing; a process may have few files open.
const readings = new Semaphore(16);

/** Number of files examined for one page of a walk. */
const PAGE_SIZE = 100;

/** All file systems can store it, and Python's times end with the year 9999. */
const LAST_TIME: EpochMilliseconds = Date.UTC(2400, 0, 1);

/**
 * Sessions as files, as Django's file engine keeps them: `{folder}/{prefix}{session key}` holds the
 * record, and expires an age after its time of modification, which is set accordingly.
 *
 * Each method that writes holds the lock of the session, so it decides at one instant among the
 * processes of one host.
 */
export class FileSessionStore implements SessionStore {
  readonly name = "file";
  readonly #folder: SessionFolder;
  readonly #age: Milliseconds;
  readonly #clock: Clock;
  readonly #locks: FileLocks;
  readonly #tombstones: FileSessionStore | undefined;
  readonly tombstones: RecordTombstones | undefined;

  constructor({ folder, age, clock, locks, tombstones }: FileSessionStoreOptions) {
    this.tombstones = tombstones && new RecordTombstones(tombstones, hashSessionKey);
    this.#tombstones = tombstones;
    this.#folder = folder;
    this.#age = age;
    this.#clock = clock;
    this.#locks = locks;
  }

  read(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    return TimedOperation.run(deadline, async () => (await readings.run(() => this.#readLive(key)))?.record);
  }

  readWithTtl(key: SessionKey, deadline: Deadline): Promise<RecordWithTtl | undefined> {
    return TimedOperation.run(deadline, async () => {
      const read = await readings.run(() => this.#readLive(key));
      return read && { record: read.record, ttl: read.modifiedAt + this.#age - this.#clock.now() };
    });
  }

  create(key: SessionKey, record: string, ttl: Milliseconds, deadline: Deadline): Promise<CreateResult> {
    return this.#withLock<CreateResult>(key, deadline, async (begin) => {
      const read = await this.#read(key);
      if (read && this.#isLive(read)) return { status: "exists" };
      const isReplaced = await replaceFile(
        this.#folder.fileOf(key),
        read,
        this.#replacement(record, ttl),
        begin,
      );
      return isReplaced ? { status: "created" } : undefined;
    });
  }

  /** Stores a record, replacing an existing one. */
  async put(key: SessionKey, record: string, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    await this.#withLock<true>(key, deadline, async (begin) => {
      const read = await this.#read(key);
      const isReplaced = await replaceFile(
        this.#folder.fileOf(key),
        read,
        this.#replacement(record, ttl),
        begin,
      );
      return isReplaced ? true : undefined;
    });
  }

  commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    return this.#ifMatch(key, etag, deadline, (file, read, begin) =>
      replaceFile(file, read, this.#replacement(record, ttl), begin),
    );
  }

  touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    return this.#ifMatch(key, etag, deadline, (file, read, begin) =>
      setModified(file, read, this.#modificationFor(ttl), begin),
    );
  }

  delete(key: SessionKey, deadline: Deadline): Promise<boolean> {
    return this.#withLock(key, deadline, async (begin) => {
      const read = await this.#read(key);
      if (!read) return false;
      begin();
      return (await deleteFile(this.#folder.fileOf(key))) && this.#isLive(read);
    });
  }

  deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    return this.#ifMatch(key, etag, deadline, deleteRead);
  }

  /** Remembers the keys in the folder until it ends: about 100 bytes each. */
  async *scan(pageDeadline: () => Deadline): AsyncGenerator<SessionKey, void, undefined> {
    await TimedOperation.run(pageDeadline(), () => this.#folder.prepare());
    const { keys } = await this.#folder.list(pageDeadline);
    for await (const page of this.#pages(keys, pageDeadline)) {
      yield* page.filter(({ isExpired }) => isExpired === false).map(({ key }) => key);
    }
  }

  ping(deadline: Deadline): Promise<void> {
    return TimedOperation.run(deadline, async () => {
      await this.#folder.prepare();
      await this.#folder.checkPresence();
      await this.#locks.prepare();
    });
  }

  /** Deletes expired files, leftovers of killed processes, and (uncounted) tombstones. */
  async clearExpired(
    pageDeadline: () => Deadline,
    onProgress?: (progress: ClearProgress) => void,
  ): Promise<number> {
    await TimedOperation.run(pageDeadline(), () => this.#folder.prepare());
    const { keys, leftovers } = await this.#folder.list(pageDeadline);
    let cleared = 0;
    for await (const page of this.#pages(keys, pageDeadline)) {
      for (const { key } of page.filter(({ isExpired }) => isExpired === true)) {
        if (await this.#deleteExpired(key, pageDeadline)) cleared++;
      }
      onProgress?.({ cleared });
    }
    for (const [key, paths] of leftovers) await this.#deleteLeftovers(key, paths, pageDeadline);
    await this.#tombstones?.clearExpired(pageDeadline, () => onProgress?.({ cleared }));
    return cleared;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Runs a change under the lock of the session until it returns a result. */
  #withLock<Result>(
    key: SessionKey,
    deadline: Deadline,
    change: (begin: () => void) => Promise<Result | undefined>,
  ): Promise<Result> {
    return TimedOperation.run(deadline, async (operation) => {
      await this.#folder.prepare();
      return this.#locks.hold(this.#folder.fileOf(key), operation, async ({ checkHeld }) => {
        const begin = (): void => {
          checkHeld();
          operation.beginWrite();
        };
        for (;;) {
          operation.checkTime();
          const result = await change(begin);
          if (result !== undefined) return result;
        }
      });
    });
  }

  #ifMatch(key: SessionKey, etag: Etag, deadline: Deadline, change: FileChange): Promise<CommitResult> {
    return this.#withLock<CommitResult>(key, deadline, async (begin) => {
      const read = await this.#readLive(key);
      if (!read) return GONE;
      if (!hasEtag(read.record, etag)) return { status: "conflict", record: read.record };
      return (await change(this.#folder.fileOf(key), read, begin)) ? COMMITTED : undefined;
    });
  }

  async #deleteExpired(key: SessionKey, pageDeadline: () => Deadline): Promise<boolean> {
    if (await this.#isHeld(key, pageDeadline)) return false;
    return this.#withLock(key, pageDeadline(), async (begin) => {
      const read = await this.#read(key);
      if (!read || !this.#isExpired(read.modifiedAt)) return false;
      return (await deleteRead(this.#folder.fileOf(key), read, begin)) ? true : undefined;
    });
  }

  // Takes and releases the lock of a process that has ended. A file being written under a lock is
  // not a leftover.
  async #deleteLeftovers(
    key: SessionKey,
    paths: readonly string[],
    pageDeadline: () => Deadline,
  ): Promise<void> {
    if (await this.#isHeld(key, pageDeadline)) return;
    await this.#withLock(key, pageDeadline(), async (begin) => {
      begin();
      for (const path of paths.filter((each) => !each.endsWith(".lock"))) await deleteFile(path);
      return true;
    });
  }

  /**
   * The lock of a process that was killed is held until it is stale; a walk does not wait for that.
   */
  #isHeld(key: SessionKey, pageDeadline: () => Deadline): Promise<boolean> {
    return TimedOperation.run(pageDeadline(), () => this.#locks.isHeld(this.#folder.fileOf(key)));
  }

  async *#pages(
    keys: readonly SessionKey[],
    pageDeadline: () => Deadline,
  ): AsyncGenerator<{ key: SessionKey; isExpired: boolean | undefined }[], void, undefined> {
    for (let start = 0; start < keys.length; start += PAGE_SIZE) {
      const page = keys.slice(start, start + PAGE_SIZE);
      yield await TimedOperation.run(pageDeadline(), () => Promise.all(page.map((key) => this.#lookAt(key))));
    }
  }

  /** `isExpired` is `undefined` if there is no file. */
  async #lookAt(key: SessionKey): Promise<{ key: SessionKey; isExpired: boolean | undefined }> {
    const modifiedAt = await findModified(this.#folder.fileOf(key));
    return { key, isExpired: modifiedAt === undefined ? undefined : this.#isExpired(modifiedAt) };
  }

  async #readLive(key: SessionKey): Promise<RecordFile | undefined> {
    const read = await this.#read(key);
    return read && this.#isLive(read) ? read : undefined;
  }

  async #read(key: SessionKey): Promise<RecordFile | undefined> {
    await this.#folder.prepare();
    const read = await readFile(this.#folder.fileOf(key));
    if (!read) await this.#folder.checkPresence();
    return read;
  }

  // Django makes an empty file before it writes a new session.
  #isLive({ record, modifiedAt }: RecordFile): boolean {
    return record !== "" && !this.#isExpired(modifiedAt);
  }

  #isExpired(modifiedAt: EpochMilliseconds): boolean {
    return this.#clock.now() >= modifiedAt + this.#age;
  }

  #replacement(record: string, ttl: Milliseconds): { record: string; modifiedAt: EpochMilliseconds } {
    return { record, modifiedAt: this.#modificationFor(ttl) };
  }

  #modificationFor(ttl: Milliseconds): EpochMilliseconds {
    return Math.min(this.#clock.now() + ttl - this.#age, LAST_TIME);
  }
}
