import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/**
 * A Lua script that lies in a file.
 *
 * The file is read when the script is first run. Write the URL as `new URL("./x.lua", import.meta.url)`, which
 * bundlers understand.
 */
export class RedisScript {
  /** For messages. */
  readonly name: string;
  readonly #file: URL;
  #text: { readonly source: string; readonly sha1: string } | undefined;

  constructor(name: string, file: URL) {
    this.name = name;
    this.#file = file;
  }

  get source(): string {
    return this.#read().source;
  }

  /** By which Redis knows a script that it has seen. */
  get sha1(): string {
    return this.#read().sha1;
  }

  #read(): { readonly source: string; readonly sha1: string } {
    if (this.#text === undefined) {
      const source = readFileSync(this.#file, "utf8");
      this.#text = { source, sha1: createHash("sha1").update(source).digest("hex") };
    }
    return this.#text;
  }
}
