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
 * What a Map takes for the same where Python does: a number is a bigint beyond the safe range only. Bytes,
 * tuples and frozen sets are only the same as themselves: no JSON has them for keys.
 */
function identityOf(key: PickleValue): unknown {
  if (typeof key === "boolean") return Number(key);
  if (!(key instanceof PickleFloat) || Number.isNaN(key.value)) return key;
  const { value } = key;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value;
}
