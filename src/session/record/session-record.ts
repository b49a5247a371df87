import type { EpochMilliseconds } from "../../core/clock.ts";
import {
  isPlainObject,
  type RawMember,
  rawValue,
  readJson,
  readMembers,
  writeJson,
} from "../../json/index.ts";

/** The only key in a record that belongs to Sojourn. Django keeps it like any other key. */
export const FACTS_KEY = "_sojourn";

/** Sojourn's metadata in a record. Facts of later versions are kept unchanged. */
export interface Facts {
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
 * facts.
 *
 * Immutable. Unchanged parts keep their text, byte for byte.
 */
export class SessionRecord {
  static readonly empty: SessionRecord = new SessionRecord(new Map(), {});

  /** All keys except that of the facts. */
  readonly members: ReadonlyMap<string, RawMember>;
  readonly facts: Facts;
  /** Index of the facts among the members of the payload, where they are written again. */
  readonly #factsIndex: number | undefined;

  private constructor(members: ReadonlyMap<string, RawMember>, facts: Facts, factsIndex?: number) {
    this.members = members;
    this.facts = facts;
    this.#factsIndex = factsIndex;
  }

  /** @throws {SyntaxError} When the payload is not a JSON object. */
  static parse(payload: string): SessionRecord {
    const members = readMembers(payload);
    const raw = members.get(FACTS_KEY);
    if (raw === undefined) return new SessionRecord(members, {});
    const index = [...members.keys()].indexOf(FACTS_KEY);
    members.delete(FACTS_KEY);
    return new SessionRecord(members, parseFacts(readJson(raw)), index);
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
    const members = new Map(this.members);
    for (const [key, text] of delta) {
      if (text === undefined) members.delete(key);
      else members.set(key, { keyText: members.get(key)?.keyText ?? JSON.stringify(key), ...rawValue(text) });
    }
    return new SessionRecord(members, this.facts, this.#factsIndex);
  }

  /** Returns a record with some facts changed. */
  withFacts(facts: Facts): SessionRecord {
    return new SessionRecord(this.members, { ...this.facts, ...facts }, this.#factsIndex);
  }

  /** Returns the payload for a codec to encode. */
  toPayload(factsFirst: boolean): string {
    const parts = Array.from(this.members.values(), ({ keyText, text }) => `${keyText}:${text}`);
    const { nonce, ...others } = this.facts;
    const facts = `"${FACTS_KEY}":${writeJson({ nonce, ...others }, FACTS_KEY)}`;
    parts.splice(factsFirst ? 0 : (this.#factsIndex ?? parts.length), 0, facts);
    return `{${parts.join(",")}}`;
  }
}

function parseFacts(value: unknown): Facts {
  if (!isPlainObject(value)) return {};
  const { nonce, created, authenticated, renewed, version, ...others } = value;
  const later = Object.fromEntries(Object.entries(others).filter(isWritable));
  return {
    ...(typeof nonce === "string" && nonce.isWellFormed() && { nonce }),
    ...(isInstant(created) && { created }),
    ...(isInstant(authenticated) && { authenticated }),
    ...(isInstant(renewed) && { renewed }),
    ...(Number.isSafeInteger(version) && { version: version as number }),
    ...later,
  };
}

/**
 * Returns whether a fact can be written back: one that cannot would prevent every write of the
 * session.
 */
function isWritable(fact: [name: string, value: unknown]): boolean {
  try {
    writeJson(fact, FACTS_KEY);
    return true;
  } catch {
    return false;
  }
}

// 8.64e15 ms is the last instant that a Date can hold (ECMA-262, "Time Values and Time Range").
function isInstant(value: unknown): value is EpochMilliseconds {
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= 8.64e15;
}
