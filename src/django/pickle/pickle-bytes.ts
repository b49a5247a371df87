import { PickleError } from "./pickle-error.ts";

const NEWLINE = 0x0a;

/** Maximum length of a decimal 64-bit integer with its sign. */
const MAX_LINE = 20;

/** Reads the parts of a pickle in order, and never beyond its end. */
export class PickleBytes {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Offset of the next byte. */
  get offset(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /**
   * Reads an unsigned little-endian integer of 1, 2, 4 or 8 bytes. It is not checked against any
   * limit.
   */
  unsigned(size: 1 | 2 | 4 | 8): number {
    const bytes = this.take(size);
    return size === 8 ? Number(bytes.readBigUInt64LE()) : bytes.readUIntLE(0, size);
  }

  int32(): number {
    return this.take(4).readInt32LE();
  }

  /** Reads a `float`: eight bytes, big-endian. */
  double(): number {
    return this.take(8).readDoubleBE();
  }

  /** Reads bytes with their length before them, as a view of the pickle. */
  counted(size: 1 | 4 | 8): Buffer {
    return this.take(this.unsigned(size));
  }

  /** Reads a little-endian integer in two's complement with its length before it. */
  long(size: 1 | 4): bigint {
    const bytes = this.counted(size);
    if (bytes.length === 0) return 0n;
    const hex = Buffer.from(bytes.toReversed()).toString("hex");
    return BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`));
  }

  /** Reads the text up to the end of the line, and the line break. */
  shortLine(): string {
    const end = this.#bytes.subarray(0, this.#at + MAX_LINE + 1).indexOf(NEWLINE, this.#at);
    if (end === -1) throw new PickleError("malformed", "A line has no end", this.#at);
    const line = this.take(end - this.#at).toString("latin1");
    this.#at++;
    return line;
  }

  /** Throws unless that many bytes are left. */
  checkRemaining(count: number): void {
    if (count <= this.#bytes.length - this.#at) return;
    throw new PickleError("malformed", "The pickle ends too early", this.#at);
  }

  take(count: number): Buffer {
    this.checkRemaining(count);
    return this.#bytes.subarray(this.#at, (this.#at += count));
  }
}
