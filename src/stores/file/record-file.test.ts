import { readdirSync, statSync } from "node:fs";
import { rename, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { deleteRead, readFile, type RecordFile, replaceFile, setModified } from "./record-file.ts";

const AT = Date.UTC(2026, 0, 1);
const nothing = (): void => {};

interface Opened {
  readonly folder: string;
  readonly path: string;
  readonly read: RecordFile;
}

async function open(record = "one"): Promise<Opened> {
  const folder = temporaryFolder();
  const path = join(folder, "record");
  await replaceFile(path, undefined, { record, modifiedAt: AT }, nothing);
  const read = await readFile(path);
  if (!read) throw new Error("expected a file");
  return { folder, path, read };
}

/** Writes like Django, which takes no locks: a new file is renamed. */
async function writeAsDjango({ folder, path }: Opened, record: string): Promise<void> {
  await writeFile(join(folder, "out"), record);
  await rename(join(folder, "out"), path);
}

/**
 * Fractional digits of a millisecond that a file's time keeps. Deno 2.9 rounds down to a whole one.
 */
const TIME_DIGITS = "Deno" in globalThis ? 0 : 2;

test("a file has the record, its time within a hundredth of a millisecond and mode 0600, and nothing is left beside it", async () => {
  const { folder, path } = await open();
  await replaceFile(path, await readFile(path), { record: "two é", modifiedAt: AT + 0.125 }, nothing);
  const written = await readFile(path);
  expect(written?.record).toBe("two é");
  expect(written?.modifiedAt).toBeCloseTo(AT + 0.125, TIME_DIGITS);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["record"]);
});

test("a file that Django has replaced or deleted since it was read is not written, touched or deleted", async () => {
  const opened = await open();
  const { folder, path, read } = opened;
  await writeAsDjango(opened, "two");
  expect(await replaceFile(path, read, { record: "three", modifiedAt: AT }, nothing)).toBe(false);
  expect(await setModified(path, read, AT + 1, nothing)).toBe(false);
  expect(await deleteRead(path, read, nothing)).toBe(false);
  expect(await readFile(path)).toMatchObject({ record: "two" });
  await unlink(path);
  expect(await replaceFile(path, read, { record: "three", modifiedAt: AT }, nothing)).toBe(false);
  expect(await setModified(path, read, AT + 1, nothing)).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});

test("a file that Django has created since none was found is not replaced", async () => {
  const opened = await open();
  const replacement = { record: "three", modifiedAt: AT };
  expect(await replaceFile(opened.path, undefined, replacement, nothing)).toBe(false);
  expect(await readFile(opened.path)).toMatchObject({ record: "one" });
});

test("a file whose time was changed counts as another one", async () => {
  const { path, read } = await open();
  await utimes(path, AT / 1000 + 5, AT / 1000 + 5);
  expect(await replaceFile(path, read, { record: "two", modifiedAt: AT }, nothing)).toBe(false);
});

test("an error thrown by begin() keeps the file as it is, and nothing is left beside it", async () => {
  const { folder, path, read } = await open();
  const tooLate = (): never => {
    throw new Error("too late");
  };
  await expect(replaceFile(path, read, { record: "two", modifiedAt: AT }, tooLate)).rejects.toThrow(
    "too late",
  );
  await expect(setModified(path, read, AT + 1, tooLate)).rejects.toThrow("too late");
  await expect(deleteRead(path, read, tooLate)).rejects.toThrow("too late");
  expect(await readFile(path)).toStrictEqual(read);
  expect(readdirSync(folder)).toEqual(["record"]);
});

test("a link is not followed, even if it leads nowhere", async () => {
  const { folder, path } = await open();
  for (const [name, target] of [
    ["link", path],
    ["dangling", join(folder, "nowhere")],
  ] as const) {
    await symlink(target, join(folder, name));
    await expect(readFile(join(folder, name))).rejects.toMatchObject({ code: "ELOOP" });
    const replacement = { record: "two", modifiedAt: AT };
    expect(await replaceFile(join(folder, name), undefined, replacement, nothing)).toBe(false);
  }
  expect(readdirSync(folder).toSorted()).toEqual(["dangling", "link", "record"]);
});
