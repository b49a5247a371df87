import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { CacheUsageError } from "../../core/errors.ts";

/** Name of the running build; several processes may run different ones. */
export class BuildId {
  readonly #given: string | undefined;
  readonly #onError: (error: unknown) => void;
  /** By the folders `server` of builds. */
  readonly #read = new Map<string, Promise<string | undefined>>();

  constructor(given: string | undefined, onError: (error: unknown) => void) {
    this.#given = given;
    this.#onError = onError;
  }

  /**
   * @param serverDistDir The folder `server` of the build, beside which Next 16 writes `BUILD_ID`.
   * @returns `undefined` where it is not known, which `onError` is told once.
   */
  async of(serverDistDir: string | undefined): Promise<string | undefined> {
    if (this.#given !== undefined) return this.#given;
    const folder = serverDistDir ?? process.cwd();
    let reading = this.#read.get(folder);
    if (reading === undefined) this.#read.set(folder, (reading = this.#readFrom(folder)));
    return reading;
  }

  async #readFrom(folder: string): Promise<string | undefined> {
    try {
      const text = (await readFile(join(folder, "..", "BUILD_ID"), "utf8")).trim();
      if (text !== "") return text;
      this.#onError(unknownBuild(undefined));
    } catch (cause) {
      this.#onError(unknownBuild(cause));
    }
    return undefined;
  }
}

function unknownBuild(cause: unknown): CacheUsageError {
  return new CacheUsageError(
    "Pages of Next are not cached, since the file BUILD_ID of the build could not be read. Run next build, or name " +
      "the build by the option buildId of nextIncrementalCacheHandler().",
    { cause },
  );
}
