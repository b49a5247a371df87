import { access, constants, mkdir, stat } from "node:fs/promises";
import { resolve } from "node:path";

import { ImproperlyConfigured, StoreServiceError } from "../../core/errors.ts";
import { hasCode } from "./file-errors.ts";

/** Description of a folder in messages. */
export interface FolderDescription {
  /** Name of the setting. */
  readonly setting: string;
  /** Reason why others may not see it. */
  readonly secret: string;
  /** Whether a missing folder is made. @defaultValue `false` */
  readonly isMade?: boolean;
}

// Bits of the mode: others may read the names, or make files.
const LISTABLE_BY_OTHERS = 0o006;

/** The folder of a store, and the checks of it. */
export class StoreFolder {
  readonly path: string;
  readonly #description: FolderDescription;
  #device: number | undefined;

  constructor(path: string, description: FolderDescription) {
    this.path = resolve(path);
    this.#description = description;
  }

  /**
   * Checks the folder, once.
   *
   * @throws {ImproperlyConfigured} If it is missing, is not a folder, cannot be written to, or
   * others can read it.
   */
  async prepare(): Promise<void> {
    if (this.#device !== undefined) return;
    if (this.#description.isMade === true)
      await mkdir(this.path, { recursive: true, mode: 0o700 }).catch((error: unknown) =>
        this.#refuse(describeMissing(error)),
      );
    const stats = await stat(this.path).catch((error: unknown) => this.#refuse(describeMissing(error)));
    if (!stats.isDirectory()) this.#refuse("something else has that name");
    if ((stats.mode & LISTABLE_BY_OTHERS) !== 0) {
      this.#refuse(
        `every user of this host can read or write it, and ${this.#description.secret}: chmod 700 helps`,
      );
    }
    await access(this.path, constants.R_OK | constants.W_OK | constants.X_OK).catch(() =>
      this.#refuse("this process may not read and write it"),
    );
    this.#device = stats.dev;
  }

  /**
   * To be called if a file was not found: without its folder, or with another file system in its
   * place, entries are not found either, which must not look as if they did not exist.
   *
   * @throws {StoreServiceError}
   */
  async checkPresence(): Promise<void> {
    const { dev } = await stat(this.path);
    if (dev === this.#device) return;
    const message =
      "The folder of the file store is on another file system than at the start. Mount the right one.";
    throw new StoreServiceError(message, { outcome: "not-sent" });
  }

  #refuse(problem: string): never {
    const expected = "expected a folder of its own that this process can read and write";
    throw new ImproperlyConfigured(this.#description.setting, `${expected}, but ${problem}.`);
  }
}

function describeMissing(error: unknown): string {
  return hasCode(error, "ENOENT")
    ? "there is none"
    : `it cannot be examined (${String((error as { code?: unknown }).code)})`;
}
