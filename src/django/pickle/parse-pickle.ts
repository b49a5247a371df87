import { MAX_DEPTH } from "../../json/limits.ts";
import { FORBIDDEN_OPCODES, OPCODES } from "./opcodes.ts";
import { PickleBytes } from "./pickle-bytes.ts";
import { PickleError } from "./pickle-error.ts";
import { type PickleLimits, PickleMeasure, tooLarge } from "./pickle-limits.ts";
import { PickleMachine } from "./pickle-machine.ts";
import {
  PickleBytearray,
  PickleDict,
  PickleFloat,
  PickleSet,
  PickleTuple,
  type PickleValue,
} from "./pickle-values.ts";
import { decodeText } from "./python-text.ts";

const DEFAULTS: PickleLimits = { maxBytes: 2 ** 20, maxDepth: 500, maxItems: 100_000 };

const PROTOCOLS = { least: 2, most: 5 } as const;

type Step = (machine: PickleMachine, bytes: PickleBytes) => void;

/**
 * Reads a pickle of protocol 2 to 5 that holds plain data: dict, list, tuple, set, frozenset, str,
 * bytes, bytearray, int, float, bool and None. Nothing is ever imported, built or called: an opcode
 * that would do so is an error.
 *
 * Sets before protocol 4, bytes before protocol 3, dates, decimals and models are pickled as calls,
 * so pickles with them are refused. Byte strings of Python 2 (`str`) are read as text if they are
 * UTF-8, otherwise as bytes.
 *
 * For migrations only: a running system never reads a pickle.
 *
 * @param limits.maxBytes Bytes of the pickle, and of its texts and bytes with shared values counted
 *   each time.
 *   @defaultValue 1 MiB
 * @param limits.maxDepth Levels of nesting, at most 1000. @defaultValue 500
 * @param limits.maxItems Values, with shared ones counted each time, marks, and entries of the
 *   memo.
 *   @defaultValue 100 000
 * @throws {PickleError} For any other pickle. The message never shows the contents of the pickle.
 * @throws {RangeError} For a limit that is not an integer in its range.
 */
export function parsePickle(pickle: Uint8Array, limits: Partial<PickleLimits> = {}): PickleValue {
  const complete = checkLimits({ ...DEFAULTS, ...limits });
  if (pickle.length > complete.maxBytes) throw tooLarge("maxBytes", complete);
  const bytes = new PickleBytes(pickle);
  checkProtocol(bytes);
  const value = run(bytes, new PickleMachine(complete));
  if (!bytes.isAtEnd) throw new PickleError("malformed", "Bytes follow the end of the pickle", bytes.offset);
  new PickleMeasure(complete).check(value);
  return value;
}

function checkLimits(limits: PickleLimits): PickleLimits {
  const isFit = Object.values(limits).every((limit) => Number.isSafeInteger(limit) && limit > 0);
  if (isFit && limits.maxDepth <= MAX_DEPTH) return limits;
  throw new RangeError(
    `parsePickle() expected whole numbers of at least 1, and maxDepth of at most ${MAX_DEPTH}.`,
  );
}

function checkProtocol(bytes: PickleBytes): void {
  const begins = !bytes.isAtEnd && bytes.unsigned(1) === OPCODES.PROTO;
  if (!begins) throw new PickleError("malformed", "This is not a pickle of protocol 2 to 5", 0);
  const protocol = bytes.unsigned(1);
  if (protocol >= PROTOCOLS.least && protocol <= PROTOCOLS.most) return;
  throw new PickleError("malformed", `Expected protocol 2 to 5, got ${protocol}`, 1);
}

function run(bytes: PickleBytes, machine: PickleMachine): PickleValue {
  for (;;) {
    machine.offset = bytes.offset;
    const opcode = bytes.unsigned(1);
    if (opcode === OPCODES.STOP) return machine.result();
    const step = STEPS.get(opcode);
    if (step === undefined) throw refuse(opcode, machine.offset);
    step(machine, bytes);
  }
}

function refuse(opcode: number, offset: number): PickleError {
  const name = FORBIDDEN_OPCODES.get(opcode);
  if (name === undefined) return new PickleError("malformed", "No opcode of plain data begins here", offset);
  const message = `The pickle has the opcode ${name}, which names, builds or calls something, as dates, decimals, models, and sets before protocol 4 do. Only plain data is read, and nothing was executed`;
  return new PickleError("forbidden-opcode", message, offset);
}

const STEPS: ReadonlyMap<number, Step> = new Map<number, Step>([
  [OPCODES.FRAME, (_, bytes) => bytes.checkRemaining(bytes.unsigned(8))],
  [OPCODES.MARK, (machine) => machine.mark()],

  [OPCODES.NONE, (machine) => machine.push(null)],
  [OPCODES.NEWTRUE, (machine) => machine.push(true)],
  [OPCODES.NEWFALSE, (machine) => machine.push(false)],
  [OPCODES.INT, (machine, bytes) => machine.push(readDecimal(bytes))],
  [OPCODES.BININT, (machine, bytes) => machine.push(bytes.int32())],
  [OPCODES.BININT1, (machine, bytes) => machine.push(bytes.unsigned(1))],
  [OPCODES.BININT2, (machine, bytes) => machine.push(bytes.unsigned(2))],
  [OPCODES.LONG1, (machine, bytes) => machine.push(toInteger(bytes.long(1)))],
  [OPCODES.LONG4, (machine, bytes) => machine.push(toInteger(bytes.long(4)))],
  [OPCODES.BINFLOAT, (machine, bytes) => machine.push(new PickleFloat(bytes.double()))],

  [OPCODES.SHORT_BINUNICODE, (machine, bytes) => machine.push(readText(bytes, 1))],
  [OPCODES.BINUNICODE, (machine, bytes) => machine.push(readText(bytes, 4))],
  [OPCODES.BINUNICODE8, (machine, bytes) => machine.push(readText(bytes, 8))],
  [OPCODES.SHORT_BINSTRING, (machine, bytes) => machine.push(readByteString(bytes, 1))],
  [OPCODES.BINSTRING, (machine, bytes) => machine.push(readByteString(bytes, 4))],
  [OPCODES.SHORT_BINBYTES, (machine, bytes) => machine.push(copy(bytes.counted(1)))],
  [OPCODES.BINBYTES, (machine, bytes) => machine.push(copy(bytes.counted(4)))],
  [OPCODES.BINBYTES8, (machine, bytes) => machine.push(copy(bytes.counted(8)))],
  [OPCODES.BYTEARRAY8, (machine, bytes) => machine.push(new PickleBytearray(copy(bytes.counted(8))))],

  [OPCODES.EMPTY_TUPLE, (machine) => machine.push(new PickleTuple([]))],
  [OPCODES.TUPLE1, (machine) => machine.push(new PickleTuple(machine.popMany(1)))],
  [OPCODES.TUPLE2, (machine) => machine.push(new PickleTuple(machine.popMany(2)))],
  [OPCODES.TUPLE3, (machine) => machine.push(new PickleTuple(machine.popMany(3)))],
  [OPCODES.TUPLE, (machine) => machine.push(new PickleTuple(machine.popToMark()))],
  [OPCODES.EMPTY_LIST, (machine) => machine.push([])],
  [OPCODES.APPEND, (machine) => append(machine, [machine.pop()])],
  [OPCODES.APPENDS, (machine) => append(machine, machine.popToMark())],
  [OPCODES.EMPTY_DICT, (machine) => machine.push(new PickleDict())],
  [OPCODES.SETITEM, (machine) => setItems(machine, machine.popMany(2))],
  [OPCODES.SETITEMS, (machine) => setItems(machine, machine.popToMark())],
  [OPCODES.EMPTY_SET, (machine) => machine.push(new PickleSet(false))],
  [OPCODES.ADDITEMS, (machine) => addItems(machine, machine.popToMark())],
  [OPCODES.FROZENSET, (machine) => machine.push(frozenSet(machine, machine.popToMark()))],

  [OPCODES.MEMOIZE, (machine) => machine.memoize()],
  [OPCODES.BINPUT, (machine, bytes) => machine.memoize(bytes.unsigned(1))],
  [OPCODES.LONG_BINPUT, (machine, bytes) => machine.memoize(bytes.unsigned(4))],
  [OPCODES.BINGET, (machine, bytes) => machine.pushMemo(bytes.unsigned(1))],
  [OPCODES.LONG_BINGET, (machine, bytes) => machine.pushMemo(bytes.unsigned(4))],
]);

function toInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Reads digits: Python 2 writes integers of more than 32 bits so, also in protocol 2. */
function readDecimal(bytes: PickleBytes): number | bigint | boolean {
  const start = bytes.offset;
  const line = bytes.shortLine();
  if (line === "00" || line === "01") return line === "01";
  if (!/^-?\d+$/.test(line)) throw new PickleError("malformed", "Expected an integer", start);
  return toInteger(BigInt(line));
}

function readText(bytes: PickleBytes, size: 1 | 4 | 8): string {
  const start = bytes.offset;
  const text = decodeText(bytes.counted(size));
  if (text === undefined) throw new PickleError("malformed", "A text is not UTF-8", start);
  return text;
}

function readByteString(bytes: PickleBytes, size: 1 | 4): string | Uint8Array {
  const found = bytes.counted(size);
  return decodeText(found) ?? copy(found);
}

/** Copies bytes, so that a view of a few does not keep the whole pickle in memory. */
function copy(view: Buffer): Uint8Array {
  return new Uint8Array(view);
}

function append(machine: PickleMachine, items: readonly PickleValue[]): void {
  const list = machine.top();
  if (!Array.isArray(list)) throw notA("list", machine);
  for (const item of items) list.push(item);
}

function setItems(machine: PickleMachine, items: readonly PickleValue[]): void {
  const dict = machine.top();
  if (!(dict instanceof PickleDict) || items.length % 2 === 1) throw notA("dict", machine);
  for (let index = 0; index < items.length; index += 2) {
    const [key = null, value = null] = items.slice(index, index + 2);
    machine.countKey(key);
    if (!dict.set(key, value)) throw unhashable(machine);
  }
}

function addItems(machine: PickleMachine, items: readonly PickleValue[]): void {
  const set = machine.top();
  if (!(set instanceof PickleSet) || set.isFrozen) throw notA("set", machine);
  fill(set, items, machine);
}

function frozenSet(machine: PickleMachine, items: readonly PickleValue[]): PickleSet {
  const set = new PickleSet(true);
  fill(set, items, machine);
  return set;
}

function fill(set: PickleSet, items: readonly PickleValue[], machine: PickleMachine): void {
  for (const item of items) {
    machine.countKey(item);
    if (!set.add(item)) throw unhashable(machine);
  }
}

function notA(type: string, machine: PickleMachine): PickleError {
  return new PickleError(
    "malformed",
    `The pickle is broken: it adds to a value that is not a ${type}`,
    machine.offset,
  );
}

function unhashable(machine: PickleMachine): PickleError {
  const message = "The pickle is broken: it has a key or a member of a set that Python cannot hash";
  return new PickleError("malformed", message, machine.offset);
}
