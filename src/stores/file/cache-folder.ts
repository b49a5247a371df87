import { opendir } from "node:fs/promises";
import { join } from "node:path";

import type { Deadline } from "../../core/deadlines.ts";
import { fileNameOf } from "./cache-file.ts";
import { StoreFolder } from "./store-folder.ts";
import { TimedOperation } from "./timed-operation.ts";

/** Number of names read at once. */
const PAGE_SIZE = 1000;

/** The folder of a cache's files. */
export class CacheFolder extends StoreFolder {
  constructor(path: string) {
    super(path, {
      setting: "fileCacheStore.location",
      secret: "another user could write the entries",
      isMade: true,
    });
  }

  pathOf(key: string, suffix: string): string {
    return join(this.path, fileNameOf(key) + suffix);
  }

  /**
   * Lists the names that end so, before any file is examined: the shorter that takes, the less is
   * replaced meanwhile.
   */
  async list(suffixes: readonly string[], pageDeadline: () => Deadline): Promise<string[]> {
    await TimedOperation.run(pageDeadline(), () => this.prepare());
    const folder = await TimedOperation.run(pageDeadline(), () =>
      opendir(this.path, { bufferSize: PAGE_SIZE }),
    );
    const names = new Set<string>();
    const readPage = async (): Promise<boolean> => {
      for (let read = 0; read < PAGE_SIZE; read++) {
        const entry = await folder.read();
        if (entry === null) return false;
        if (suffixes.some((suffix) => entry.name.endsWith(suffix))) names.add(entry.name);
      }
      return true;
    };
    try {
      while (await TimedOperation.run(pageDeadline(), readPage));
    } finally {
      // It is open for reading only, and waits for a read that hangs.
      void folder.close().catch(() => {});
    }
    return [...names];
  }
}
