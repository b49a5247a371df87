/**
 * A value of a pickle. Each type of Python has a distinct form: `None` is `null`, an `int` a number
 * or, beyond the safe range, a bigint, a `float` a {@link PickleFloat}, a `list` an array, `bytes`
 * a `Uint8Array`.
 *
 * Values shared in the pickle are shared here; there are no cycles.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleFloat
  | PickleValue[]
  | PickleTuple
  | PickleSet
  | PickleDict
  | PickleBytearray;

/** A `float`, boxed since JavaScript cannot distinguish 1.0 from 1. */
export class PickleFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A `tuple`. */
export class PickleTuple {
  readonly items: readonly PickleValue[];

  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A `bytearray` (protocol 5). */
export class PickleBytearray {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A `set` or `frozenset` (protocols 4 and 5). */
export class PickleSet {
  readonly isFrozen: boolean;
  readonly #members = new Map<unknown, PickleValue>();

  constructor(isFrozen: boolean) {
    this.isFrozen = isFrozen;
  }

  get members(): IterableIterator<PickleValue> {
    return this.#members.values();
  }

  /** @returns `false` for a value that Python cannot hash. */
  add(member: PickleValue): boolean {
    if (!isHashable(member)) return false;
    const identity = identityOf(member);
    if (!this.#members.has(identity)) this.#members.set(identity, member);
    return true;
  }
}

/**
 * A `dict`, in insertion order. Keys are equal if they are in Python: `1`, `1.0` and `True` are one
 * key.
 */
export class PickleDict {
  readonly #entries = new Map<unknown, [key: PickleValue, value: PickleValue]>();

  get entries(): IterableIterator<readonly [key: PickleValue, value: PickleValue]> {
    return this.#entries.values();
  }

  /**
   * Sets a value. As in Python, an existing key keeps its position and its form.
   *
   * @returns `false` for a key that Python cannot hash.
   */
  set(key: PickleValue, value: PickleValue): boolean {
    if (!isHashable(key)) return false;
    const identity = identityOf(key);
    const known = this.#entries.get(identity);
    if (known) known[1] = value;
    else this.#entries.set(identity, [key, value]);
    return true;
  }
}

function isHashable(value: PickleValue): boolean {
  const isMutable = Array.isArray(value) || value instanceof PickleDict || value instanceof PickleBytearray;
  return !isMutable && !(value instanceof PickleSet && !value.isFrozen);
}

/**
 * Returns a value that a Map treats as equal if Python treats the keys as equal. Bytes, tuples and
 * frozen sets equal only themselves: JSON cannot have them as keys.
 *
 * Numbers become text: V8's hash of numbers is known, and covers only the lowest 64 bits of a
 * bigint, so the author of a pickle could choose thousands with the same hash. V8 hashes texts with
 * a secret of the process.
 */
function identityOf(key: PickleValue): unknown {
  if (typeof key === "string") return key.startsWith(NUMBER) ? `${NUMBER}${key}` : key;
  if (typeof key === "boolean") return integerIdentity(Number(key));
  if (typeof key === "number" || typeof key === "bigint") return integerIdentity(key);
  if (!(key instanceof PickleFloat) || Number.isNaN(key.value)) return key;
  const { value } = key;
  if (!Number.isInteger(value)) return `${NUMBER}f${value}`;
  return integerIdentity(Number.isSafeInteger(value) ? value : BigInt(value));
}

/** Prefix of a number's identity; a text's identity has it twice, or not at all. */
const NUMBER = "\0";

/** Hexadecimal, which a bigint is converted to in linear time. */
function integerIdentity(value: number | bigint): string {
  return `${NUMBER}i${value.toString(16)}`;
}
