import type { EpochMilliseconds } from "../../core/clock.ts";
import {
  isPlainObject,
  type RawMember,
  rawMember,
  readJson,
  readMembers,
  writeJson,
} from "../../json/index.ts";

/** The only key in a record that belongs to Sojourn. Django keeps it like any other key. */
export const METADATA_KEY = "_sojourn";

/** Sojourn's metadata in a record. Metadata of later versions is kept unchanged. */
export interface RecordMetadata {
  /** A random 64-bit number, new in every commit, as 16 hexadecimal digits. */
  readonly nonce?: string;
  /** Time when the session began. */
  readonly created?: EpochMilliseconds;
  /** Time of the user's login. */
  readonly authenticated?: EpochMilliseconds;
  /** Time of the key's last automatic renewal; see `sessions.renewEvery`. */
  readonly renewed?: EpochMilliseconds;
  /** Version of the application's data; see `sessions.version`. */
  readonly version?: number;
  readonly [later: string]: unknown;
}

/** A changed part: its new text, or `undefined` when it was deleted. */
export type Delta = ReadonlyMap<string, string | undefined>;

/**
 * Content of one version of a record: every top-level key with the text of its value, and the
 * metadata.
 *
 * Immutable. Unchanged parts keep their text, byte for byte.
 */
export class SessionRecord {
  static readonly empty: SessionRecord = new SessionRecord(new Map(), {});

  /** All keys except that of the metadata. */
  readonly members: ReadonlyMap<string, RawMember>;
  readonly metadata: RecordMetadata;
  /** Index of the metadata among the members of the payload, where they are written again. */
  readonly #metadataIndex: number | undefined;

  private constructor(
    members: ReadonlyMap<string, RawMember>,
    metadata: RecordMetadata,
    metadataIndex?: number,
  ) {
    this.members = members;
    this.metadata = metadata;
    this.#metadataIndex = metadataIndex;
  }

  /** @throws {SyntaxError} When the payload is not a JSON object. */
  static parse(payload: string): SessionRecord {
    const members = readMembers(payload);
    const raw = members.get(METADATA_KEY);
    if (raw === undefined) return new SessionRecord(members, {});
    const index = indexOf(members.keys(), METADATA_KEY);
    members.delete(METADATA_KEY);
    return new SessionRecord(members, parseMetadata(readJson(raw)), index);
  }

  get isEmpty(): boolean {
    return this.members.size === 0;
  }

  /** Reads a value; `undefined` when there is none. */
  read(key: string): unknown {
    const member = this.members.get(key);
    return member && readJson(member);
  }

  /** Returns a record with some parts changed. New keys come last. */
  with(delta: Delta): SessionRecord {
    if (delta.size === 0) return this;
    // The constructor makes a list of each entry.
    const members = new Map<string, RawMember>();
    for (const [key, member] of this.members) members.set(key, member);
    for (const [key, text] of delta) {
      if (text === undefined) members.delete(key);
      else members.set(key, rawMember(members.get(key)?.keyText ?? JSON.stringify(key), text));
    }
    return new SessionRecord(members, this.metadata, this.#metadataIndex);
  }

  /** Returns a record with some metadata changed. */
  withMetadata(metadata: RecordMetadata): SessionRecord {
    return new SessionRecord(this.members, { ...this.metadata, ...metadata }, this.#metadataIndex);
  }

  /** Returns the payload for a codec to encode. */
  toPayload(metadataFirst: boolean): string {
    const metadata = `"${METADATA_KEY}":${writeMetadata(this.metadata)}`;
    const index = metadataFirst ? 0 : (this.#metadataIndex ?? this.members.size);
    let payload = "";
    let at = 0;
    for (const { keyText, text } of this.members.values()) {
      if (at++ === index) payload += `,${metadata}`;
      payload += `,${keyText}:${text}`;
    }
    if (at <= index) payload += `,${metadata}`;
    return `{${payload.slice(1)}}`;
  }
}

/** Writes metadata, the nonce first. The usual one is written by hand, which takes a third of the time. */
function writeMetadata(metadata: RecordMetadata): string {
  const { nonce, created, ...others } = metadata;
  return nonce === undefined || created === undefined || Object.keys(others).length > 0
    ? writeJson({ nonce, ...metadata }, METADATA_KEY)
    : `{"nonce":${JSON.stringify(nonce)},"created":${created}}`;
}

function indexOf(keys: Iterable<string>, wanted: string): number {
  let index = 0;
  for (const key of keys) {
    if (key === wanted) return index;
    index++;
  }
  return -1;
}

/** Drops metadata of the wrong type, and what could not be written back. */
function parseMetadata(value: unknown): RecordMetadata {
  if (!isPlainObject(value)) return {};
  const isKept = ([name, member]: [string, unknown]) => isValid(name, member);
  const members = Object.entries(value);
  return members.every(isKept) ? value : Object.fromEntries(members.filter(isKept));
}

function isValid(name: string, value: unknown): boolean {
  switch (name) {
    case "nonce":
      return typeof value === "string" && value.isWellFormed();
    case "created":
    case "authenticated":
    case "renewed":
      return isInstant(value);
    case "version":
      return Number.isSafeInteger(value);
    default:
      return isWritable([name, value]);
  }
}

/**
 * Returns whether a fact can be written back: one that cannot would prevent every write of the
 * session.
 */
function isWritable(fact: [name: string, value: unknown]): boolean {
  try {
    writeJson(fact, METADATA_KEY);
    return true;
  } catch {
    return false;
  }
}

// 8.64e15 ms is the last instant that a Date can hold (ECMA-262, "Time Values and Time Range").
function isInstant(value: unknown): value is EpochMilliseconds {
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= 8.64e15;
}
