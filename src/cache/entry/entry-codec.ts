import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import { CacheCorruptError, CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import { isPlainObject } from "../../json/index.ts";
import type { StoredValue } from "../../stores/cache-store.ts";
import { type Compression, pack, unpack } from "./compression.ts";
import { FrozenValues } from "./frozen-values.ts";
import type { EntryKey } from "../keys/keys.ts";
import { type CacheSerializer, JsonSerializer } from "./serializers.ts";

/**
 * What an entry tells of itself, where it has to: when it stops being fresh, which tags it had, how long it
 * took to load.
 *
 * It stands as one line before the value: `~{"at":…}\n[1,2]`. An entry that needs none of this has no header,
 * and is what Django would have written.
 */
export interface EntryHeader {
  readonly at: EpochMilliseconds;
  /** Tells this entry from any other that the key had, or will have. */
  readonly nonce: string;
  /** From then on it is stale. @defaultValue never */
  readonly freshUntil?: EpochMilliseconds | undefined;
  /** For how long past its time the store keeps it. @defaultValue what a touch finds out */
  readonly grace?: Milliseconds | undefined;
  /** When it was last touched. @defaultValue never */
  readonly touched?: EpochMilliseconds | undefined;
  /** How long its load took. */
  readonly took?: Milliseconds | undefined;
  /** The token that each of its tags had when its load began. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** An entry, taken apart. */
export interface ReadEntry {
  readonly header: EntryHeader | undefined;
  /** The value as the serializer wrote it. */
  readonly text: string;
  /** What a store knows the entry by: the beginning of its header, with the nonce, or all of it. */
  readonly expected: StoredValue;
}

/** An entry, ready to be stored. */
export interface WrittenEntry {
  readonly text: string;
  readonly stored: StoredValue;
}

/** How a cache writes and reads its values. */
export interface EntryForm {
  /** @defaultValue JSON */
  readonly serializer: CacheSerializer | undefined;
  readonly compression: Compression | undefined;
  /** Whether equal entries give the same value, which nobody can change. */
  readonly frozen: boolean;
}

const TILDE = 0x7e;
const LINE_END = 0x0a;

/** Between values and what a store keeps: serializer, compression, header. */
export class EntryCodec {
  readonly #serializer: CacheSerializer | undefined;
  readonly #compression: Compression | undefined;
  readonly #frozen: FrozenValues | undefined;

  constructor({ serializer, compression, frozen }: EntryForm) {
    this.#serializer = serializer;
    this.#compression = compression;
    this.#frozen = frozen ? new FrozenValues() : undefined;
  }

  /** @param path How messages name the value. @throws {NotJsonError} When the serializer cannot hold it. */
  write(value: unknown, path: string, header?: EntryHeader): WrittenEntry {
    const text = this.#dump(value, path);
    const body = this.#compression === undefined ? text : pack(text, this.#compression);
    // What begins as a header does would be taken for one.
    const line = header === undefined && !beginsAsHeader(body) ? "" : writeHeader(header);
    if (typeof body === "string") return { text, stored: line + body };
    return { text, stored: line === "" ? body : Buffer.concat([Buffer.from(line), body]) };
  }

  /** @throws {CacheCorruptError} When it cannot be unpacked, or its header cannot be read. */
  read(stored: StoredValue, key: EntryKey): ReadEntry {
    if (typeof stored === "string") {
      if (stored.charCodeAt(0) !== TILDE) return { header: undefined, text: stored, expected: stored };
      const end = stored.indexOf("\n");
      const line = stored.slice(0, end + 1);
      return { header: readHeader(line, key), text: stored.slice(end + 1), expected: nameOf(line) };
    }
    const end = stored[0] === TILDE ? stored.indexOf(LINE_END) : -1;
    const line = Buffer.from(stored.subarray(0, end + 1)).toString();
    const header = stored[0] === TILDE ? readHeader(line, key) : undefined;
    const text = this.#unpack(stored.subarray(end + 1), key);
    return { header, text, expected: header === undefined ? stored : nameOf(line) };
  }

  /** The header in the head of an entry; `undefined` for an empty one. @throws {CacheCorruptError} */
  readHead(head: StoredValue, key: EntryKey): EntryHeader | undefined {
    return readHeader(typeof head === "string" ? head : Buffer.from(head).toString(), key);
  }

  /** Builds the value anew, or gives the frozen one. @throws {CacheCorruptError} */
  parse(text: string, key: EntryKey): unknown {
    return this.#frozen === undefined ? this.#load(text, key) : this.#frozen.get(text, () => this.#load(text, key));
  }

  #load(text: string, { key }: EntryKey): unknown {
    try {
      return this.#serializer === undefined ? JsonSerializer.load(text) : this.#serializer.load(text);
    } catch (cause) {
      if (cause instanceof CacheUsageError) throw cause;
      throw new CacheCorruptError(key, cause instanceof SyntaxError ? cause.message : "the serializer refuses it", {
        cause,
      });
    }
  }

  #unpack(bytes: Uint8Array, { key }: EntryKey): string {
    try {
      return this.#compression === undefined ? Buffer.from(bytes).toString() : unpack(bytes, this.#compression);
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      throw new CacheCorruptError(key, cause.message, { cause });
    }
  }

  #dump(value: unknown, path: string): string {
    if (this.#serializer === undefined) return JsonSerializer.dump(value, path);
    const text: unknown = this.#serializer.dump(value, path);
    if (typeof text === "string" && text.isWellFormed()) return text;
    const found = typeof text === "string" ? "text with a lone surrogate" : describeValue(text);
    throw new CacheUsageError(`The serializer of a cache has to give well-formed text for ${path}, got ${found}.`);
  }
}

/** What a touch of the entry leaves as it is. */
const NAME = /^~\{"at":[^,]+,"nonce":"[^"\\]*"/;

/** The beginning of a header that no other entry has. */
function nameOf(line: string): string {
  return NAME.exec(line)?.[0] ?? line;
}

/** The line before the value. */
export function writeHeader(header: EntryHeader | undefined): string {
  return `~${JSON.stringify(header ?? {})}\n`;
}

function beginsAsHeader(body: StoredValue): boolean {
  return typeof body === "string" ? body.charCodeAt(0) === TILDE : body[0] === TILDE;
}

function readHeader(line: string, { key }: EntryKey): EntryHeader | undefined {
  try {
    const header: unknown = JSON.parse(line.slice(1));
    // An empty one only says that the value begins as a header does.
    if (isPlainObject(header) && Object.keys(header).length === 0) return undefined;
    if (isHeader(header)) return header;
  } catch {
    // What cannot be parsed is as wrong as what has another form.
  }
  throw new CacheCorruptError(key, "its header is not one that Sojourn has written");
}

function isHeader(input: unknown): input is EntryHeader {
  if (!isPlainObject(input)) return false;
  const { at, nonce, freshUntil, grace, touched, took, tags } = input;
  return (
    typeof at === "number" &&
    typeof nonce === "string" &&
    isNumberOrAbsent(freshUntil) &&
    isNumberOrAbsent(grace) &&
    isNumberOrAbsent(touched) &&
    isNumberOrAbsent(took) &&
    (tags === undefined || (isPlainObject(tags) && Object.values(tags).every((token) => typeof token === "string")))
  );
}

function isNumberOrAbsent(input: unknown): boolean {
  return input === undefined || typeof input === "number";
}
