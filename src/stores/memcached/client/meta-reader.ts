/** Maximum length of a line of the server, in bytes: memcached's own lines are below 2 KiB. */
const MAX_LINE = 8192;

/**
 * Maximum size of a value, in bytes: memcached's own limit of `-I` is 1 GiB, and Node's of a buffer
 * is above it.
 */
const MAX_VALUE = 1024 ** 3;

const [CR, LF] = [13, 10];

/** A reply of the meta protocol. */
export interface MetaReply {
  /** First word: `HD`, `VA`, `EN`, `NS`, `EX`, `NF`, `MN`, or one of an error. */
  readonly code: string;
  /** Words after it, each a flag with its token; for an error, its text. */
  readonly words: readonly string[];
  /** Value of a `VA`. */
  readonly value: Buffer | undefined;
}

/** Splits the bytes of a server into replies. @throws {MetaProtocolError} */
export class MetaReader {
  /** Bytes that are being read. */
  #bytes: Buffer = Buffer.alloc(0);
  /** All bytes that have arrived and are not read. */
  #chunks: Buffer[] = [];
  /** Number of bytes in {@link #chunks}. */
  #size = 0;
  /** A `VA` whose value has not arrived whole. */
  #waiting: { readonly words: readonly string[]; readonly size: number } | undefined;

  /** Adds bytes. @returns The replies that are complete now. */
  *read(chunk: Buffer): Generator<MetaReply, void, undefined> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    // A large value is put together once, when all of it is there.
    if (this.#waiting !== undefined && this.#size < this.#waiting.size + 2) return;
    this.#bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    for (let reply = this.#next(); reply; reply = this.#next()) yield reply;
    this.#chunks = this.#bytes.length === 0 ? [] : [this.#bytes];
    this.#size = this.#bytes.length;
  }

  #next(): MetaReply | undefined {
    this.#waiting ??= this.#header();
    if (this.#waiting === undefined) return this.#line();
    const { words, size } = this.#waiting;
    if (this.#bytes.length < size + 2) return undefined;
    if (this.#bytes[size] !== CR || this.#bytes[size + 1] !== LF)
      throw new MetaProtocolError("a value has another length than announced");
    const value = this.#bytes.subarray(0, size);
    this.#bytes = this.#bytes.subarray(size + 2);
    this.#waiting = undefined;
    return { code: "VA", words, value };
  }

  /** Takes the line of a `VA`, if that is next. */
  #header(): { readonly words: readonly string[]; readonly size: number } | undefined {
    if (this.#bytes[0] !== 86 || this.#bytes[1] !== 65) return undefined;
    const line = this.#takeLine();
    if (line === undefined) return undefined;
    const [, length = "", ...words] = line.split(" ");
    const size = Number(length);
    if (!/^\d+$/.test(length) || size > MAX_VALUE)
      throw new MetaProtocolError("a value has no length, or one beyond 1 GiB");
    return { words, size };
  }

  #line(): MetaReply | undefined {
    const line = this.#takeLine();
    if (line === undefined) return undefined;
    const [code = "", ...words] = line.split(" ");
    return { code, words, value: undefined };
  }

  #takeLine(): string | undefined {
    const end = this.#bytes.indexOf("\r\n");
    if (end > MAX_LINE || (end < 0 && this.#bytes.length > MAX_LINE))
      throw new MetaProtocolError(`a line is longer than ${MAX_LINE} bytes`);
    if (end < 0) return undefined;
    const line = this.#bytes.toString("latin1", 0, end);
    this.#bytes = this.#bytes.subarray(end + 2);
    return line;
  }
}

/** Bytes that are no replies of memcached. */
export class MetaProtocolError extends Error {}
