/**
 * What a pickle holds, each type of Python in a form of its own: `None` is `null`, an `int` a number or,
 * beyond the safe range, a bigint, a `float` a {@link PickleFloat}, a `list` an array, `bytes` a
 * `Uint8Array`.
 *
 * What is shared in the pickle is shared here; there are no cycles.
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

/** A `float`: JavaScript cannot tell 1.0 from 1. */
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

/** A `dict`, in its order. Keys are the same where they are in Python: `1`, `1.0` and `True` are one. */
export class PickleDict {
  readonly #entries = new Map<unknown, [key: PickleValue, value: PickleValue]>();

  get entries(): IterableIterator<readonly [key: PickleValue, value: PickleValue]> {
    return this.#entries.values();
  }

  /**
   * As in Python, a key that is there keeps its place and its form.
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
 * What a Map takes for the same where Python does. Bytes, tuples and frozen sets are only the same as
 * themselves: no JSON has them for keys.
 *
 * Numbers become text: how V8 hashes them is known, and of a bigint it takes the lowest 64 bits alone, so
 * whoever writes the pickle could choose thousands with one hash. Texts it hashes with a secret of the process.
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

/** Begins the identity of a number; that of a text has it twice, or not. */
const NUMBER = "\0";

/** Hexadecimal, since that takes a bigint no longer than it is. */
function integerIdentity(value: number | bigint): string {
  return `${NUMBER}i${value.toString(16)}`;
}
