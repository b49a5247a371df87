import { randomBytes } from "node:crypto";
import { type BigIntStats, constants, lstatSync, renameSync, unlinkSync } from "node:fs";
import { type FileHandle, lstat, open, unlink } from "node:fs/promises";

import type { EpochMilliseconds } from "../../core/clock.ts";
import { hasCode } from "./file-errors.ts";

/** Content and identity of a file. */
export interface RecordFile {
  readonly record: string;
  readonly modifiedAt: EpochMilliseconds;
  readonly identity: string;
}

/** Suffix of the file that {@link replaceFile} writes before it renames it. */
export const TEMPORARY_SUFFIX = ".tmp";

// A link is not followed, and opening a pipe does not wait for a writer.
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a file in one version: files are replaced as a whole.
 *
 * @returns `undefined` if there is none.
 */
export async function readFile(path: string): Promise<RecordFile | undefined> {
  return withHandle(path, async (handle) => {
    const stats = await handle.stat({ bigint: true });
    return {
      record: await handle.readFile("utf8"),
      modifiedAt: toMilliseconds(stats),
      identity: identityOf(stats),
    };
  });
}

/**
 * Sets the time of modification of a file.
 *
 * @param begin Called just before; if it throws, the file stays as it is.
 * @returns Whether the file still was the one that was read. If not, it stays as it is.
 */
export async function setModified(
  path: string,
  read: RecordFile,
  modifiedAt: EpochMilliseconds,
  begin: () => void,
): Promise<boolean> {
  const isSet = await withHandle(path, async (handle) => {
    if (identityOf(await handle.stat({ bigint: true })) !== read.identity) return false;
    begin();
    await handle.utimes(modifiedAt / 1000, modifiedAt / 1000);
    return true;
  });
  return isSet ?? false;
}

/**
 * Returns when a file was modified; `undefined` if there is none, or something else under its name.
 */
export async function findModified(path: string): Promise<EpochMilliseconds | undefined> {
  try {
    const stats = await lstat(path, { bigint: true });
    return stats.isFile() ? toMilliseconds(stats) : undefined;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Deletes a file. @returns Whether there was one. */
export async function deleteFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

/** New file for {@link replaceFile}. */
export interface Replacement {
  readonly record: string;
  readonly modifiedAt: EpochMilliseconds;
}

/**
 * Replaces a file, or creates it, in one step: readers get the old one or the new one, whole.
 *
 * @param read The file as it was read; `undefined` if there was none.
 * @param begin Called just before; if it throws, the file stays as it is.
 * @returns Whether the file still was the one that was read. If not, it stays as it is.
 */
export async function replaceFile(
  path: string,
  read: RecordFile | undefined,
  replacement: Replacement,
  begin: () => void,
): Promise<boolean> {
  const temporary = `${path}.${randomBytes(8).toString("hex")}${TEMPORARY_SUFFIX}`;
  try {
    await writeWhole(temporary, replacement);
    return ifUnchanged(path, read, () => {
      begin();
      renameSync(temporary, path);
    });
  } finally {
    await deleteFile(temporary);
  }
}

/**
 * Deletes a file. @returns Whether it still was the one that was read. If not, it stays as it is.
 */
export async function deleteRead(path: string, read: RecordFile, begin: () => void): Promise<boolean> {
  return ifUnchanged(path, read, () => {
    begin();
    unlinkSync(path);
  });
}

/**
 * Checks and acts synchronously: Django takes no lock, and anything it writes between the two is
 * lost. With asynchronous calls the gap was a few milliseconds on a busy machine; this way it is
 * some 20 microseconds.
 *
 * @returns Whether the file still was the one that was read.
 */
function ifUnchanged(path: string, read: RecordFile | undefined, act: () => void): boolean {
  try {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if ((stats && identityOf(stats)) !== read?.identity) return false;
    act();
    return true;
  } catch (error) {
    // Deleted in between.
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

async function writeWhole(path: string, { record, modifiedAt }: Replacement): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  try {
    // It continues after a short write, as on a disk that is nearly full, and so finds the error.
    await handle.writeFile(record);
    await handle.utimes(modifiedAt / 1000, modifiedAt / 1000);
  } finally {
    await handle.close();
  }
}

/** Uses an open file. @returns `undefined` if there is none. */
export async function withHandle<Result>(
  path: string,
  use: (handle: FileHandle) => Promise<Result>,
): Promise<Result | undefined> {
  const handle = await openIfThere(path);
  if (!handle) return undefined;
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, READ_FLAGS);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Differs for every file that was ever under a name, and after every change of its time. */
function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

function toMilliseconds({ mtimeNs }: BigIntStats): EpochMilliseconds {
  return Number(mtimeNs / 1000n) / 1000;
}
