import { MAX_INTEGER_DIGITS } from "../../json/limits.ts";
import { PickleBytearray, PickleDict, PickleFloat, PickleSet, PickleTuple, type PickleValue } from "./pickle-values.ts";
import { pythonFloat, pythonString } from "./python-text.ts";

/** Something that JSON cannot hold. */
export interface UnfitValue {
  /** Where it stands, such as `data.cart[2].photo`. Long keys are cut. */
  readonly path: string;
  /** What it is, such as `bytes`. */
  readonly found: string;
}

/** What a pickle comes to as JSON. */
export interface PickleAsJson {
  /**
   * As Django's `JSONSerializer` would write it: tuples are arrays, keys are texts, `1.0` stays `1.0`. What
   * is unfit is left out; in arrays `null` takes its place.
   */
  readonly text: string;
  /** The first 100 that are unfit. None: nothing was left out. */
  readonly unfit: readonly UnfitValue[];
  /** How many there are in all. */
  readonly unfitCount: number;
}

const MAX_LISTED = 100;
const MAX_KEY = 40;

// 4300 digits have at most 14 285 bits.
const MAX_HEX_DIGITS = 3572;

/**
 * Writes what {@link parsePickle} has read as JSON, and tells what JSON cannot hold: bytes, sets, integers of
 * more than 4300 digits, keys of other types than str, int, float, bool and None, and keys that are the same
 * text.
 *
 * @param root What paths begin with. @defaultValue `"data"`
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

  /** @returns `undefined` for what is unfit. */
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
    // Decimal digits of an integer without end would take without end.
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

  /** As `json.dumps` makes texts of keys. */
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
    return this.#root + this.#keys.map((key) => (typeof key === "number" ? `[${key}]` : pathOf(key))).join("");
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
