import { createHash } from "node:crypto";

/** A Lua script. */
export class RedisScript {
  /** For messages. */
  readonly name: string;
  readonly source: string;
  #sha1: string | undefined;

  /** @param source Its text. */
  constructor(name: string, source: string) {
    this.name = name;
    this.source = source;
  }

  /** Hash by which Redis knows a script that it has seen. */
  get sha1(): string {
    this.#sha1 ??= createHash("sha1").update(this.source).digest("hex");
    return this.#sha1;
  }
}
