import type { Dir } from "node:fs";
import { opendir } from "node:fs/promises";
import { join } from "node:path";

import type { Deadline } from "../../core/deadlines.ts";
import { StoreServiceError } from "../../core/errors.ts";
import { isSessionKey, type SessionKey } from "../../core/ids.ts";
import { TEMPORARY_SUFFIX } from "./record-file.ts";
import { StoreFolder } from "./store-folder.ts";
import { TimedOperation } from "./timed-operation.ts";

/** Files of the folder by kind. */
export interface FolderListing {
  readonly keys: readonly SessionKey[];
  /** Possible leftovers of processes that were killed: paths by their sessions. */
  readonly leftovers: ReadonlyMap<SessionKey, readonly string[]>;
}

const LEFTOVER = new RegExp(`^(?<key>[a-z0-9]{32})\\.(?:lock|[0-9a-f]{16}\\${TEMPORARY_SUFFIX})$`);

/** The folder of the session files: their names, and the checks of the folder. */
export class SessionFolder extends StoreFolder {
  readonly #prefix: string;

  constructor(path: string, prefix: string) {
    super(path, { setting: "fileSessionStore.path", secret: "the names of its files are session keys" });
    this.#prefix = prefix;
  }

  /** Returns the path of a session's file. */
  fileOf(key: SessionKey): string {
    if (isSessionKey(key)) return join(this.path, this.#prefix + key);
    // The port guarantees it; but anything else could be a path.
    const message =
      "The file session store was given a key that is not 32 characters of [a-z0-9]. Check it before.";
    throw new StoreServiceError(message, { outcome: "not-sent" });
  }

  /**
   * Lists the whole folder before any file is examined: the shorter that takes, the less is
   * replaced meanwhile, and some file systems leave out replaced files.
   */
  async list(pageDeadline: () => Deadline): Promise<FolderListing> {
    const names = new Set<string>();
    const folder = await TimedOperation.run(pageDeadline(), () =>
      opendir(this.path, { bufferSize: PAGE_SIZE }),
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
      leftovers.set(key, [...(leftovers.get(key) ?? []), join(this.path, this.#prefix + name)]);
    }
    return leftovers;
  }
}

/** Number of names read at once. */
const PAGE_SIZE = 1000;
