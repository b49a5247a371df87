import type { Dir } from "node:fs";
import { access, constants, opendir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";

import type { Deadline } from "../../core/deadlines.ts";
import { ImproperlyConfigured, StoreServiceError } from "../../core/errors.ts";
import { isSessionKey, type SessionKey } from "../../core/ids.ts";
import { hasCode } from "./file-errors.ts";
import { TEMPORARY_SUFFIX } from "./record-file.ts";
import { TimedOperation } from "./timed-operation.ts";

/** Files of the folder by kind. */
export interface FolderListing {
  readonly keys: readonly SessionKey[];
  /** Possible leftovers of processes that were killed: paths by their sessions. */
  readonly leftovers: ReadonlyMap<SessionKey, readonly string[]>;
}

// Bits of the mode: others may read the names, or make files.
const LISTABLE_BY_OTHERS = 0o006;

const LEFTOVER = new RegExp(`^(?<key>[a-z0-9]{32})\\.(?:lock|[0-9a-f]{16}\\${TEMPORARY_SUFFIX})$`);

/** The folder of the session files: their names, and the checks of the folder. */
export class SessionFolder {
  readonly #path: string;
  readonly #prefix: string;
  #device: number | undefined;

  constructor(path: string, prefix: string) {
    this.#path = resolve(path);
    this.#prefix = prefix;
  }

  /** Returns the path of a session's file. */
  fileOf(key: SessionKey): string {
    if (isSessionKey(key)) return join(this.#path, this.#prefix + key);
    // The port guarantees it; but anything else could be a path.
    const message =
      "The file session store was given a key that is not 32 characters of [a-z0-9]. Check it before.";
    throw new StoreServiceError(message, { outcome: "not-sent" });
  }

  /**
   * Checks the folder, once.
   *
   * @throws {ImproperlyConfigured} If it is missing, is not a folder, cannot be written to, or
   * others can read it.
   */
  async prepare(): Promise<void> {
    if (this.#device !== undefined) return;
    const stats = await stat(this.#path).catch((error: unknown) => refuse(describeMissing(error)));
    if (!stats.isDirectory()) refuse("something else has that name");
    if ((stats.mode & LISTABLE_BY_OTHERS) !== 0) {
      refuse(
        "every user of this host can read or write it, and the names of its files are session keys: chmod 700 helps",
      );
    }
    await access(this.#path, constants.R_OK | constants.W_OK | constants.X_OK).catch(() =>
      refuse("this process may not read and write it"),
    );
    this.#device = stats.dev;
  }

  /**
   * To be called if a file was not found: without its folder, or with another file system in its
   * place, sessions are not found either, which must not look as if they did not exist.
   *
   * @throws {StoreServiceError}
   */
  async checkPresence(): Promise<void> {
    const { dev } = await stat(this.#path);
    if (dev === this.#device) return;
    const message =
      "The folder of the file session store is on another file system than at the start. Mount the right one.";
    throw new StoreServiceError(message, { outcome: "not-sent" });
  }

  /**
   * Lists the whole folder before any file is examined: the shorter that takes, the less is
   * replaced meanwhile, and some file systems leave out replaced files.
   */
  async list(pageDeadline: () => Deadline): Promise<FolderListing> {
    const names = new Set<string>();
    const folder = await TimedOperation.run(pageDeadline(), () =>
      opendir(this.#path, { bufferSize: PAGE_SIZE }),
    );
    try {
      while (await TimedOperation.run(pageDeadline(), () => this.#readPage(folder, names)));
    } finally {
      // It is open for reading only, and waits for a read that hangs.
      void folder.close().catch(() => {});
    }
    return { keys: [...names].filter(isSessionKey), leftovers: this.#leftovers(names) };
  }

  /** @returns Whether there may be more. */
  async #readPage(folder: Dir, names: Set<string>): Promise<boolean> {
    for (let read = 0; read < PAGE_SIZE; read++) {
      const entry = await folder.read();
      if (entry === null) return false;
      if (entry.name.startsWith(this.#prefix)) names.add(entry.name.slice(this.#prefix.length));
    }
    return true;
  }

  #leftovers(names: ReadonlySet<string>): Map<SessionKey, string[]> {
    const leftovers = new Map<SessionKey, string[]>();
    for (const name of names) {
      const key = LEFTOVER.exec(name)?.groups?.["key"];
      if (key === undefined) continue;
      leftovers.set(key, [...(leftovers.get(key) ?? []), join(this.#path, this.#prefix + name)]);
    }
    return leftovers;
  }
}

/** Number of names read at once. */
const PAGE_SIZE = 1000;

function describeMissing(error: unknown): string {
  return hasCode(error, "ENOENT")
    ? "there is none"
    : `it cannot be examined (${String((error as { code?: unknown }).code)})`;
}

function refuse(problem: string): never {
  const expected = "expected a folder of its own that this process can read and write";
  throw new ImproperlyConfigured("fileSessionStore.path", `${expected}, but ${problem}.`);
}
