import { randomBytes } from "node:crypto";
import { renameSync } from "node:fs";
import { writeFile } from "node:fs/promises";

import { deleteFile, TEMPORARY_SUFFIX, withHandle } from "./record-file.ts";

/** Reads a file in one version. @returns `undefined` if there is none. */
export function readBytes(path: string): Promise<Buffer | undefined> {
  return withHandle(path, (handle) => handle.readFile());
}

/**
 * Replaces a file, or creates it, in one step: readers get the old one or the new one, whole.
 *
 * @param begin Called just before; if it throws, the file stays as it is.
 */
export async function writeBytes(path: string, bytes: Buffer | string, begin: () => void): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString("hex")}${TEMPORARY_SUFFIX}`;
  try {
    await writeFile(temporary, bytes, { flag: "wx", mode: 0o600 });
    begin();
    renameSync(temporary, path);
  } catch (error) {
    await deleteFile(temporary);
    throw error;
  }
}
