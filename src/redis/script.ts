import { createHash } from "node:crypto";

/** A Lua script. */
export class RedisScript {
  /** For messages. */
  readonly name: string;
  readonly source: string;
  #sha1: string | undefined;

  /** @param source Lua code of the script. */
  constructor(name: string, source: string) {
    this.name = name;
    this.source = source;
  }

  /** Hash by which Redis knows a loaded script. */
  get sha1(): string {
    this.#sha1 ??= createHash("sha1").update(this.source).digest("hex");
    return this.#sha1;
  }
}
