import { MAX_INTEGER_DIGITS } from "../../json/limits.ts";
import {
  PickleBytearray,
  PickleDict,
  PickleFloat,
  PickleSet,
  PickleTuple,
  type PickleValue,
} from "./pickle-values.ts";
import { pythonFloat, pythonString } from "./python-text.ts";

/** A value that JSON cannot hold. */
export interface UnfitValue {
  /** Path of the value, such as `data.cart[2].photo`. Long keys are truncated. */
  readonly path: string;
  /** Description of the value, such as `bytes`. */
  readonly found: string;
}

/** A pickle converted to JSON. */
export interface PickleAsJson {
  /**
   * JSON as Django's `JSONSerializer` writes it: tuples are arrays, keys are texts, `1.0` stays
   * `1.0`. Unfit values are omitted; in arrays `null` replaces them.
   */
  readonly text: string;
  /** The first 100 unfit values. Empty: nothing was omitted. */
  readonly unfit: readonly UnfitValue[];
  /** Total number of unfit values. */
  readonly unfitCount: number;
}

const MAX_LISTED = 100;
const MAX_KEY = 40;

// 4300 digits have at most 14 285 bits.
const MAX_HEX_DIGITS = 3572;

/**
 * Writes a value of {@link parsePickle} as JSON, and reports what JSON cannot hold: bytes, sets,
 * integers of more than 4300 digits, keys of other types than str, int, float, bool and None, and
 * keys with the same text.
 *
 * @param root Prefix of the paths. @defaultValue `"data"`
 */
export function pickleToJson(value: PickleValue, root = "data"): PickleAsJson {
  const writer = new JsonWriter(root);
  const text = writer.write(value) ?? "null";
  return { text, unfit: writer.unfit, unfitCount: writer.unfitCount };
}

class JsonWriter {
  readonly unfit: UnfitValue[] = [];
  unfitCount = 0;
  readonly #root: string;
  readonly #keys: (string | number)[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  /** @returns `undefined` for an unfit value. */
  write(value: PickleValue): string | undefined {
    if (value === null || typeof value === "boolean" || typeof value === "number") return String(value);
    if (typeof value === "string") return pythonString(value);
    if (typeof value === "bigint") return this.#writeBigint(value);
    if (value instanceof PickleFloat) return pythonFloat(value.value);
    if (value instanceof PickleTuple) return this.#writeArray(value.items);
    if (Array.isArray(value)) return this.#writeArray(value);
    if (value instanceof PickleDict) return this.#writeDict(value);
    return this.#refuse(typeOf(value));
  }

  #writeBigint(value: bigint): string | undefined {
    const found = `an integer of more than ${MAX_INTEGER_DIGITS} digits`;
    // Bounds the time: the decimal digits of a huge integer are slow to compute.
    if (value.toString(16).length > MAX_HEX_DIGITS + 1) return this.#refuse(found);
    const text = value.toString();
    return text.replace("-", "").length > MAX_INTEGER_DIGITS ? this.#refuse(found) : text;
  }

  #writeArray(items: readonly PickleValue[]): string {
    const texts = items.map((item, index) => this.#at(index, () => this.write(item)) ?? "null");
    return `[${texts.join(",")}]`;
  }

  #writeDict(dict: PickleDict): string {
    const members = new Map<string, string>();
    for (const [key, value] of dict.entries) {
      const name = this.#nameOf(key);
      if (name === undefined) continue;
      this.#at(name, () => {
        if (members.has(name)) return this.#refuse("a second key of the same text");
        const text = this.write(value);
        return text === undefined ? undefined : members.set(name, text);
      });
    }
    const texts = [...members].map(([name, text]) => `${pythonString(name)}:${text}`);
    return `{${texts.join(",")}}`;
  }

  /** Converts a key to text, like `json.dumps`. */
  #nameOf(key: PickleValue): string | undefined {
    if (typeof key === "string") return key;
    const isWritten =
      key === null || ["boolean", "number", "bigint"].includes(typeof key) || key instanceof PickleFloat;
    return isWritten ? this.write(key) : this.#refuse(`a key that is ${typeOf(key)}`);
  }

  #at<Result>(key: string | number, write: () => Result): Result {
    this.#keys.push(key);
    const result = write();
    this.#keys.pop();
    return result;
  }

  #refuse(found: string): undefined {
    this.unfitCount++;
    if (this.unfit.length < MAX_LISTED) this.unfit.push({ path: this.#path(), found });
  }

  #path(): string {
    return (
      this.#root + this.#keys.map((key) => (typeof key === "number" ? `[${key}]` : pathOf(key))).join("")
    );
  }
}

function pathOf(key: string): string {
  if (/^[a-z_$][\w$]{0,39}$/i.test(key)) return `.${key}`;
  const shown = key.length > MAX_KEY ? `${key.slice(0, MAX_KEY)}…` : key;
  return `[${JSON.stringify(shown)}]`;
}

function typeOf(value: PickleValue): string {
  if (value instanceof PickleSet) return value.isFrozen ? "a frozenset" : "a set";
  if (value instanceof PickleBytearray) return "a bytearray";
  if (value instanceof PickleTuple) return "a tuple";
  return "bytes";
}
