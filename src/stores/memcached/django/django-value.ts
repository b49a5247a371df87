import { isUtf8 } from "node:buffer";
import { inflateSync } from "node:zlib";
import { pickleScalar, unpickleScalar } from "../../scalar-pickle.ts";
import { pickleFloat, unpickleFloat } from "./float-pickle.ts";

/** Bytes of an item, and its client flags. */
export interface FlaggedBytes {
  readonly bytes: Buffer;
  readonly flags: number;
}

// pymemcache 4.0 (serde.py) and pylibmc 1.6 (_pylibmcmodule.h) have the same numbers. For an int
// the first writes 2 and the second 4, and both read both.
const PICKLE = 1;
const INTEGER = 2;
const LONG = 4;
const COMPRESSED = 8;
const TEXT = 16;

/**
 * Flag of JSON, beside {@link TEXT}: `SojournSerde` parses it, and a client that does not know it
 * reads a text.
 */
const JSON_TEXT = 32;

/** Flag of an entry that is being filled. Django's clients pass over it. */
export const UNSETTLED_FLAG = 64;

/** Python has no limit, but `int()` takes no more digits without a setting (`sys.set_int_max_str_digits`). */
const DIGITS = /^(?:0|-?[1-9]\d{0,4299})$/;

const FLOAT = /^-?\d+(?:\.\d+)?(?:e[+-]\d+)?$/;

const CONSTANT = /^(?:null|true|false)$/;

const QUOTE = 0x22;

/** Pickles with texts and with bytes: SHORT_BINUNICODE and BINUNICODE; SHORT_BINBYTES and BINBYTES. */
const TEXT_OPCODES: readonly unknown[] = [0x8c, 0x58];
const BYTES_OPCODES: readonly unknown[] = [0x43, 0x42];
const FRAME = 0x95;

/** Maximum size of an inflated value. */
const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

/**
 * Returns the item of a value, as pymemcache writes the same value: digits are an `int`, a text of
 * JSON is a `str`, `null`, `true`, `false` and floats are pickles of one scalar, bytes that are no
 * UTF-8 are `bytes`. Anything else is a text of JSON, with a flag of its own.
 */
export function toItem(value: Buffer): FlaggedBytes {
  if (!isUtf8(value)) return { bytes: value, flags: 0 };
  if (value[0] === QUOTE) return quotedItem(value);
  const text = value.length <= 4301 ? value.toString("latin1") : "";
  if (DIGITS.test(text)) return { bytes: value, flags: INTEGER };
  if (CONSTANT.test(text)) return { bytes: pickleScalar(value), flags: PICKLE };
  const float = FLOAT.test(text) ? Number(text) : Number.NaN;
  if (textOfFloat(float) === text) return { bytes: pickleFloat(float), flags: PICKLE };
  return { bytes: value, flags: TEXT | JSON_TEXT };
}

/** A text that is not written as JSON.stringify() has it keeps its form. */
function quotedItem(value: Buffer): FlaggedBytes {
  const json = value.toString();
  const text = parseText(json);
  if (text === undefined || !text.isWellFormed() || JSON.stringify(text) !== json)
    return { bytes: value, flags: TEXT | JSON_TEXT };
  return { bytes: Buffer.from(text), flags: TEXT };
}

function parseText(json: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    return typeof parsed === "string" ? parsed : undefined;
  } catch {
    // Not JSON: a serializer of the application's own has written it.
    return undefined;
  }
}

/**
 * Returns the value of an item.
 *
 * @returns `undefined` for a pickle of more than one scalar, and for any other form that Node does
 *   not read.
 */
export function fromItem({ bytes, flags }: FlaggedBytes): Buffer | undefined {
  if (flags & COMPRESSED) {
    const inflated = inflate(bytes);
    return inflated && fromItem({ bytes: inflated, flags: flags & ~COMPRESSED });
  }
  if (flags === 0) return bytes;
  if (flags & JSON_TEXT) return isUtf8(bytes) ? bytes : undefined;
  if (flags & TEXT) return isUtf8(bytes) ? Buffer.from(JSON.stringify(bytes.toString())) : undefined;
  if (flags & (INTEGER | LONG)) return digitsOf(bytes);
  return flags & PICKLE ? fromPickle(bytes) : undefined;
}

/** Returns whether an item is a number of Django's, which keeps its flag when it is counted. */
export function isInteger({ flags }: FlaggedBytes): boolean {
  return (flags & (INTEGER | LONG)) !== 0 && (flags & (TEXT | COMPRESSED)) === 0;
}

/** memcached pads a number with spaces when `decr` has shortened it. */
function digitsOf(bytes: Buffer): Buffer | undefined {
  const text = bytes.toString("latin1").trimEnd();
  return DIGITS.test(text) ? Buffer.from(text) : undefined;
}

function fromPickle(pickle: Buffer): Buffer | undefined {
  const float = unpickleFloat(pickle);
  if (float !== undefined) return Buffer.from(textOfFloat(float));
  const value = unpickleScalar(pickle)?.value;
  const opcode = pickle[pickle[2] === FRAME ? 11 : 2];
  if (value === undefined || BYTES_OPCODES.includes(opcode)) return value;
  if (!TEXT_OPCODES.includes(opcode)) return value;
  return isUtf8(value) ? Buffer.from(JSON.stringify(value.toString())) : undefined;
}

/** As Python's `json` writes it, but for the digits of exponents: a float stays one. */
function textOfFloat(float: number): string {
  const text = Object.is(float, -0) ? "-0" : String(float);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function inflate(bytes: Buffer): Buffer | undefined {
  try {
    return inflateSync(bytes, { maxOutputLength: MAX_INFLATED_BYTES });
  } catch {
    // Compressed by another library than zlib, or too large.
    return undefined;
  }
}
