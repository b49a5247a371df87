import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import { CacheCorruptError, CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import { isPlainObject } from "../../json/index.ts";
import type { StoredValue } from "../../stores/cache-store.ts";
import type { EntryKey } from "../keys/keys.ts";
import { type Compression, pack, unpack } from "./compression.ts";
import { FrozenValues } from "./frozen-values.ts";
import { type CacheSerializer, JsonSerializer } from "./serializers.ts";

/**
 * Metadata of an entry, where needed: its expiry, its tags, the duration of its load.
 *
 * It is one line before the value: `~{"at":…}\n[1,2]`. An entry that needs no metadata has no
 * header, and has the form that Django writes.
 */
export interface EntryHeader {
  readonly at: EpochMilliseconds;
  /** Distinguishes this entry from all other entries of the key. */
  readonly nonce: string;
  /** Time from which it is stale. @defaultValue never */
  readonly freshUntil?: EpochMilliseconds | undefined;
  /** Time for which the store keeps it after it has expired. @defaultValue computed by a touch */
  readonly grace?: Milliseconds | undefined;
  /** Time of its last touch. @defaultValue never */
  readonly touched?: EpochMilliseconds | undefined;
  /** Duration of its load. */
  readonly took?: Milliseconds | undefined;
  /** Tokens of its tags when its load began. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** Parts of an entry. */
export interface ReadEntry {
  readonly header: EntryHeader | undefined;
  /** The value as the serializer wrote it. */
  readonly text: string;
  /**
   * Identifies the entry in the store: the beginning of its header, with the nonce, or all of it.
   */
  readonly expected: StoredValue;
}

/** An entry, ready to be stored. */
export interface WrittenEntry {
  readonly text: string;
  readonly stored: StoredValue;
}

/** Format of a cache's values. */
export interface EntryForm {
  /** @defaultValue JSON */
  readonly serializer: CacheSerializer | undefined;
  readonly compression: Compression | undefined;
  /** Whether equal entries share one immutable value. */
  readonly frozen: boolean;
}

const TILDE = 0x7e;
const LINE_END = 0x0a;

/** Converts between values and their stored form: serializer, compression, header. */
export class EntryCodec {
  readonly #serializer: CacheSerializer | undefined;
  readonly #compression: Compression | undefined;
  readonly #frozen: FrozenValues | undefined;

  constructor({ serializer, compression, frozen }: EntryForm) {
    this.#serializer = serializer;
    this.#compression = compression;
    this.#frozen = frozen ? new FrozenValues() : undefined;
  }

  /**
   * @param path Name of the value in messages.
   * @throws {NotJsonError} When the serializer cannot hold it.
   */
  write(value: unknown, path: string, header?: EntryHeader): WrittenEntry {
    const text = this.#dump(value, path);
    const body = this.#compression === undefined ? text : pack(text, this.#compression);
    // Without a header, a value that begins like one would be read as one.
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

  /**
   * Returns the header in the head of an entry; `undefined` for an empty one.
   *
   * @throws {CacheCorruptError}
   */
  readHead(head: StoredValue, key: EntryKey): EntryHeader | undefined {
    return readHeader(typeof head === "string" ? head : Buffer.from(head).toString(), key);
  }

  /** Builds the value, or returns the frozen one. @throws {CacheCorruptError} */
  parse(text: string, key: EntryKey): unknown {
    return this.#frozen === undefined
      ? this.#load(text, key)
      : this.#frozen.get(text, () => this.#load(text, key));
  }

  #load(text: string, { key }: EntryKey): unknown {
    try {
      return this.#serializer === undefined ? JsonSerializer.load(text) : this.#serializer.load(text);
    } catch (cause) {
      if (cause instanceof CacheUsageError) throw cause;
      throw new CacheCorruptError(
        key,
        cause instanceof SyntaxError ? cause.message : "the serializer refuses it",
        {
          cause,
        },
      );
    }
  }

  #unpack(bytes: Uint8Array, { key }: EntryKey): string {
    try {
      return this.#compression === undefined
        ? Buffer.from(bytes).toString()
        : unpack(bytes, this.#compression);
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
    throw new CacheUsageError(
      `The serializer of a cache has to return well-formed text for ${path}, got ${found}.`,
    );
  }
}

/** The part of a header that a touch leaves unchanged. */
const NAME = /^~\{"at":[^,]+,"nonce":"[^"\\]*"/;

/** Returns the unique beginning of a header. */
function nameOf(line: string): string {
  return NAME.exec(line)?.[0] ?? line;
}

/** Returns the line before the value. */
export function writeHeader(header: EntryHeader | undefined): string {
  return `~${JSON.stringify(header ?? {})}\n`;
}

function beginsAsHeader(body: StoredValue): boolean {
  return typeof body === "string" ? body.charCodeAt(0) === TILDE : body[0] === TILDE;
}

function readHeader(line: string, { key }: EntryKey): EntryHeader | undefined {
  try {
    const header: unknown = JSON.parse(line.slice(1));
    // An empty header only marks a value that begins like a header.
    if (isPlainObject(header) && Object.keys(header).length === 0) return undefined;
    if (isHeader(header)) return header;
  } catch {
    // A header that cannot be parsed is as wrong as one of another form.
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
    (tags === undefined ||
      (isPlainObject(tags) && Object.values(tags).every((token) => typeof token === "string")))
  );
}

function isNumberOrAbsent(input: unknown): boolean {
  return input === undefined || typeof input === "number";
}
