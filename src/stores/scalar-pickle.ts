import { isUtf8 } from "node:buffer";

import type { StoredValue } from "./cache-store.ts";

/** A value read from a pickle, and the bytes that follow it. */
export interface UnpickledScalar {
  readonly value: Buffer;
  readonly rest: Buffer;
}

const PROTO = 0x80;
const FRAME = 0x95;
const STOP = 0x2e;
const MEMOIZE = 0x94;
const BINPUT = 0x71;
const LONG_BINPUT = 0x72;
const NONE = 0x4e;
const TRUE = 0x88;
const FALSE = 0x89;
const BININT1 = 0x4b;
const BININT2 = 0x4d;
const BININT = 0x4a;
const LONG1 = 0x8a;
const SHORT_BINUNICODE = 0x8c;
const BINUNICODE = 0x58;
const SHORT_BINBYTES = 0x43;
const BINBYTES = 0x42;

/** Protocol that Django writes: `pickle.HIGHEST_PROTOCOL` of every Python since 3.8. */
const PROTOCOL = 5;
/** CPython leaves out the frame of a shorter body. */
const MIN_FRAME = 4;

/** Integers with canonical digits within 64 bits, which are the counters of all stores. */
const CANONICAL_INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;

/** JSON constants that Python has as single opcodes. */
const CONSTANTS: ReadonlyMap<string, number> = new Map([
  ["null", NONE],
  ["true", TRUE],
  ["false", FALSE],
]);
const CONSTANT_OF: ReadonlyMap<number, Buffer> = new Map(
  [...CONSTANTS].map(([text, opcode]) => [opcode, Buffer.from(text)]),
);

/** Returns the integer that a value is, if it has canonical digits and fits into 64 bits. */
export function integerOf(value: Uint8Array): bigint | undefined {
  if (value.length > 20) return undefined;
  const text = bufferOf(value).toString("latin1");
  if (!CANONICAL_INTEGER.test(text)) return undefined;
  const integer = BigInt(text);
  return BigInt.asIntN(64, integer) === integer ? integer : undefined;
}

/**
 * Writes a value as the pickle of one scalar, byte for byte as CPython writes it up to 64 KiB: an
 * `int` for canonical digits, `None`, `True` and `False` for these words of JSON, a `str` for other
 * text, `bytes` for what is no UTF-8.
 */
export function pickleScalar(value: Uint8Array): Buffer {
  const body = Buffer.concat([scalarOf(bufferOf(value)), Buffer.of(STOP)]);
  const start = Buffer.of(PROTO, PROTOCOL);
  if (body.length < MIN_FRAME) return Buffer.concat([start, body]);
  const frame = Buffer.alloc(9);
  frame[0] = FRAME;
  frame.writeBigUInt64LE(BigInt(body.length), 1);
  return Buffer.concat([start, frame, body]);
}

/**
 * Recognizes the pickle of one scalar by its fixed form. This is no interpreter of pickles: there
 * is no stack, no memo and no second value, and any other byte ends it.
 *
 * @returns `undefined` for every other pickle, and for bytes that are none.
 */
export function unpickleScalar(pickle: Buffer): UnpickledScalar | undefined {
  const version = pickle[1] ?? 0;
  if (pickle[0] !== PROTO || version < 2 || version > PROTOCOL) return undefined;
  const scalar = readScalar(pickle, pickle[2] === FRAME ? 11 : 2);
  if (scalar === undefined) return undefined;
  const end = scalar.end + lengthOfMemo(pickle[scalar.end]);
  return pickle[end] === STOP ? { value: scalar.value, rest: pickle.subarray(end + 1) } : undefined;
}

/** A view of the same bytes. */
export function bufferOf(value: StoredValue): Buffer {
  if (typeof value === "string") return Buffer.from(value);
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function scalarOf(value: Buffer): Buffer {
  const integer = integerOf(value);
  if (integer !== undefined) return integerScalar(integer);
  const constant = value.length <= 5 ? CONSTANTS.get(value.toString("latin1")) : undefined;
  if (constant !== undefined) return Buffer.of(constant);
  const opcodes = isUtf8(value)
    ? ([SHORT_BINUNICODE, BINUNICODE] as const)
    : ([SHORT_BINBYTES, BINBYTES] as const);
  return Buffer.concat([lengthPrefix(value.length, opcodes), value, Buffer.of(MEMOIZE)]);
}

function lengthPrefix(length: number, [short, long]: readonly [number, number]): Buffer {
  if (length < 256) return Buffer.of(short, length);
  const prefix = Buffer.alloc(5);
  prefix[0] = long;
  prefix.writeUInt32LE(length, 1);
  return prefix;
}

function integerScalar(integer: bigint): Buffer {
  if (integer >= 0n && integer <= 0xffn) return Buffer.of(BININT1, Number(integer));
  if (integer >= 0n && integer <= 0xffffn)
    return Buffer.of(BININT2, Number(integer & 0xffn), Number(integer >> 8n));
  if (BigInt.asIntN(32, integer) === integer) {
    const scalar = Buffer.alloc(5);
    scalar[0] = BININT;
    scalar.writeInt32LE(Number(integer), 1);
    return scalar;
  }
  let length = 5;
  while (BigInt.asIntN(length * 8, integer) !== integer) length++;
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(integer);
  return Buffer.concat([Buffer.of(LONG1, length), bytes.subarray(0, length)]);
}

interface Scalar {
  readonly value: Buffer;
  readonly end: number;
}

function readScalar(pickle: Buffer, at: number): Scalar | undefined {
  const opcode = pickle[at] ?? 0;
  const start = at + 1;
  const constant = CONSTANT_OF.get(opcode);
  if (constant !== undefined) return { value: constant, end: start };
  switch (opcode) {
    case BININT1:
      return digits(pickle, start, 1, (bytes) => BigInt(bytes.readUIntLE(0, 1)));
    case BININT2:
      return digits(pickle, start, 2, (bytes) => BigInt(bytes.readUIntLE(0, 2)));
    case BININT:
      return digits(pickle, start, 4, (bytes) => BigInt(bytes.readInt32LE()));
    case LONG1:
      return digits(pickle, start + 1, pickle[start] ?? 0, toInteger);
    case SHORT_BINUNICODE:
    case SHORT_BINBYTES:
      return slice(pickle, start + 1, pickle[start] ?? 0);
    case BINUNICODE:
    case BINBYTES:
      return start + 4 > pickle.length ? undefined : slice(pickle, start + 4, pickle.readUInt32LE(start));
    default:
      return undefined;
  }
}

function slice(pickle: Buffer, start: number, length: number): Scalar | undefined {
  const end = start + length;
  return end > pickle.length ? undefined : { value: pickle.subarray(start, end), end };
}

function digits(
  pickle: Buffer,
  start: number,
  length: number,
  read: (bytes: Buffer) => bigint,
): Scalar | undefined {
  const bytes = slice(pickle, start, length);
  return bytes && { value: Buffer.from(String(read(bytes.value))), end: bytes.end };
}

/** Little-endian two's complement, of 0 to 255 bytes. */
function toInteger(bytes: Buffer): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes.toReversed()).toString("hex")}`));
}

function lengthOfMemo(opcode: number | undefined): number {
  if (opcode === MEMOIZE) return 1;
  if (opcode === BINPUT) return 2;
  return opcode === LONG_BINPUT ? 5 : 0;
}
