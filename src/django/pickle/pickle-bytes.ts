import { PickleError } from "./pickle-error.ts";

const NEWLINE = 0x0a;

/** The longest decimal integer of 64 bits, with its sign. */
const MAX_LINE = 20;

/** Takes a pickle apart from its beginning to its end, and never reads beyond it. */
export class PickleBytes {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Where the next byte is. */
  get offset(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** An unsigned integer of 1, 2, 4 or 8 bytes, the lowest byte first. It is not compared with anything yet. */
  unsigned(size: 1 | 2 | 4 | 8): number {
    const bytes = this.take(size);
    return size === 8 ? Number(bytes.readBigUInt64LE()) : bytes.readUIntLE(0, size);
  }

  int32(): number {
    return this.take(4).readInt32LE();
  }

  /** A `float`: eight bytes, the highest first. */
  double(): number {
    return this.take(8).readDoubleBE();
  }

  /** As many bytes as the length before them says, a view into the pickle. */
  counted(size: 1 | 4 | 8): Buffer {
    return this.take(this.unsigned(size));
  }

  /** An integer in two's complement, the lowest byte first, with its length before it. */
  long(size: 1 | 4): bigint {
    const bytes = this.counted(size);
    if (bytes.length === 0) return 0n;
    const hex = Buffer.from(bytes.toReversed()).toString("hex");
    return BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`));
  }

  /** The text up to the end of the line, which is taken too. */
  shortLine(): string {
    const end = this.#bytes.subarray(0, this.#at + MAX_LINE + 1).indexOf(NEWLINE, this.#at);
    if (end === -1) throw new PickleError("malformed", "A line has no end", this.#at);
    const line = this.take(end - this.#at).toString("latin1");
    this.#at++;
    return line;
  }

  /** Fails unless so many bytes are left. */
  demand(count: number): void {
    if (count <= this.#bytes.length - this.#at) return;
    throw new PickleError("malformed", "The pickle ends too early", this.#at);
  }

  take(count: number): Buffer {
    this.demand(count);
    return this.#bytes.subarray(this.#at, (this.#at += count));
  }
}
