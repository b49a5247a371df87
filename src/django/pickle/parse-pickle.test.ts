import { inflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";

import {
  parsePickle,
  PickleBytearray,
  type PickleDict,
  PickleError,
  PickleFloat,
  type PickleRefusal,
  type PickleSet,
  pickleToJson,
  PickleTuple,
} from "./index.ts";
import { OPCODES } from "./opcodes.ts";

const parse = (hex: string, limits = {}) => parsePickle(Buffer.from(hex.replaceAll(" ", ""), "hex"), limits);
const toJson = (hex: string) => pickleToJson(parse(hex)).text;

function errorOf(hex: string, limits = {}): PickleError {
  try {
    parse(hex, limits);
  } catch (error) {
    if (error instanceof PickleError) return error;
    throw error;
  }
  throw new Error("it was read");
}

const numbers = (write: (index: number) => string): string =>
  Array.from({ length: 20_000 }, (_, at) => write(at)).join("");

function uint32(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString("hex");
}

/** 12 bytes, of which V8 hashes the first 8. */
function bigInteger(index: number, isHostile: boolean): string {
  return isHostile ? `0100000000000000${uint32(index + 1)}` : `${uint32(index + 1)}0000000000000001`;
}

/** Integers whose hashes in V8 have the same lowest 15 bits. */
const SAME_HASH = Array.from({ length: 2 ** 17 }, (_, index) => unhashed(index << 15))
  .filter((each) => each < 2 ** 30)
  .slice(0, 20_000);

/** Undoes `ComputeUnseededHash` of V8 (src/utils/utils.h), step by step from its last. */
function unhashed(hash: number): number {
  const product = Math.imul(unshifted(hash, 16), inverseOf(2057));
  const sum = Math.imul(unshifted(product, 4), inverseOf(5));
  return Math.imul(unshifted(sum, 12) + 1, inverseOf(2 ** 15 - 1)) >>> 0;
}

/** Undoes `x ^= x >>> shift`. */
function unshifted(value: number, shift: number): number {
  let result = value;
  for (let known = shift; known < 32; known += shift) result = value ^ (result >>> shift);
  return result;
}

/** Inverse of an odd number modulo 2^32, by Newton's method. */
function inverseOf(odd: number): number {
  let inverse = odd;
  for (let step = 0; step < 5; step++) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return inverse;
}

const reasonOf = (hex: string, limits = {}): PickleRefusal => errorOf(hex, limits).reason;

/** An ASCII text as SHORT_BINUNICODE. */
function text(value: string): string {
  return `8c${value.length.toString(16).padStart(2, "0")}${Buffer.from(value).toString("hex")}`;
}

describe("reads pickles of CPython", () => {
  test.each([
    [2, "80027d71005803000000666f6f710158030000006261727102732e"],
    [3, "80037d71005803000000666f6f710158030000006261727102732e"],
    [4, "80049510000000000000007d948c03666f6f948c0362617294732e"],
    [5, "80059510000000000000007d948c03666f6f948c0362617294732e"],
  ])("a dict in protocol %i", (_, hex) => {
    expect(toJson(hex)).toBe('{"foo":"bar"}');
  });

  // Python's json.dumps(value, separators=(",", ":")) of the same value.
  const EVERY_TYPE = String.raw`{"n":null,"t":true,"f":false,"i":[0,255,256,65535,65536,-1,2147483647,-2147483648,2147483648,9007199254740991,9007199254740992,9223372036854775808,1180591620717411303424,-1180591620717411303424],"d":[1.0,-0.0,1e+16,1e-05,0.1,1.2345678901234568e+17],"u":"\u00e9\ud83d\ude00\u2028\u007f/\"\\\n","l":[[],{},[]],"tt":[1],"t2":[1,2],"t3":[1,2,3],"t4":[1,2,3,4]}`;

  test.each([
    [
      2,
      "80027d71002858010000006e71014e58010000007471028858010000006671038958010000006971045d7105284b004bff4d00014dffff4a000001004affffffff4affffff7f4a000000808a0500000080008a07ffffffffffff1f8a07000000000000208a090000000000000080008a090000000000000000408a090000000000000000c06558010000006471065d710728473ff0000000000000478000000000000000474341c37937e08000473ee4f8b588e368f1473fb999999999999a47437b69b4ba630f35655801000000757108580e000000c3a9f09f9880e280a87f2f225c0a710958010000006c710a5d710b285d710c7d710d296558020000007474710e4b0185710f5802000000743271104b014b028671115802000000743371124b014b024b03877113580200000074347114284b014b024b034b04747115752e",
    ],
    [
      5,
      "80059505010000000000007d94288c016e944e8c017494888c016694898c0169945d94284b004bff4d00014dffff4a000001004affffffff4affffff7f4a000000808a0500000080008a07ffffffffffff1f8a07000000000000208a090000000000000080008a090000000000000000408a090000000000000000c0658c0164945d9428473ff0000000000000478000000000000000474341c37937e08000473ee4f8b588e368f1473fb999999999999a47437b69b4ba630f35658c0175948c0ec3a9f09f9880e280a87f2f225c0a948c016c945d94285d947d9429658c027474944b0185948c027432944b014b0286948c027433944b014b024b0387948c02743494284b014b024b034b047494752e",
    ],
  ])("every type of plain data in protocol %i", (_, hex) => {
    expect(toJson(hex)).toBe(EVERY_TYPE);
  });

  // A flag byte precedes them, and before that, in hashes, the expiry: `6553f100 00`.
  test("records of django-redisession on Python 2.7, also compressed", () => {
    expect(toJson("80027d71015503666f6f710255036261727103732e")).toBe('{"foo":"bar"}');
    const compressed = "789c6b60aa2d640c65cc0ef9c2c8c050310a461c28d603002afdee7d";
    const pickle = inflateSync(Buffer.from(compressed, "hex"));
    expect(pickleToJson(parsePickle(pickle)).text).toBe(`{"k":"${"x".repeat(500)}"}`);
  });

  test("entries of Django's own Redis cache", () => {
    expect(toJson("8005882e")).toBe("true");
    expect(toJson("80054e2e")).toBe("null");
    expect(toJson("80059506000000000000008c02c3a9942e")).toBe(String.raw`"\u00e9"`);
    expect(toJson("8005950a00000000000000473ff80000000000002e")).toBe("1.5");
  });

  test("integers and byte strings of Python 2: digits, bools, text in UTF-8, else bytes", () => {
    expect(parse("8002 49343239343936373239360a 2e")).toBe(4294967296);
    expect(parse("8002 492d393232333337323033363835343737353830380a 2e")).toBe(-9223372036854775808n);
    expect(parse("8002 4930310a 2e")).toBe(true);
    expect(parse("8002 5502c3a9 2e")).toBe("é");
    expect(parse("8002 5402000000c3a9 2e")).toBe("é");
    expect(parse("8002 5501ff 2e")).toEqual(new Uint8Array([255]));
  });

  test("types that JSON does not have, each in a distinct form", () => {
    const value = parse(
      "80059535000000000000007d94288c016294430200ff948c0173948f94284b018c016194908c016694284b0291948c026261949601000000000000007894752e",
    );
    const [bytes, set, frozen, bytearray] = [...(value as PickleDict).entries].map(([, each]) => each);
    expect(bytes).toEqual(new Uint8Array([0, 255]));
    expect([...(set as PickleSet).members].map(String).toSorted()).toEqual(["1", "a"]);
    expect([(set as PickleSet).isFrozen, (frozen as PickleSet).isFrozen]).toEqual([false, true]);
    expect(bytearray).toEqual(new PickleBytearray(new Uint8Array([120])));
    expect(parse("8004 473ff0000000000000 2e")).toEqual(new PickleFloat(1));
    expect(parse("8004 4b0185 2e")).toEqual(new PickleTuple([1]));
  });

  test("lone surrogates and a byte order mark, which other decoders drop", () => {
    expect(parse("80049509000000000000008c0561eda08062942e")).toBe("a\ud800b");
    expect(parse("80049508000000000000008c04efbbbf78942e")).toBe("\ufeffx");
    expect(parse("8004 8c06 c3ad ed9fbf 61 2e")).toBe("í\ud7ffa");
  });

  test("keys that are equal in Python are one, with the form of the first and the value of the last", () => {
    const hex =
      "80049534000000000000007d94284b018c016394473ff80000000000008c0162944e8c0164948c0178948c0165948a09000010632d5ec76b058c016694752e";
    expect(toJson(hex)).toBe('{"1":"c","1.5":"b","null":"d","x":"e","100000000000000000000":"f"}');
    expect(toJson(`80047d 28 4b01${text("a")} 473ff0000000000000${text("b")} 88${text("c")} 75 2e`)).toBe(
      '{"1":"c"}',
    );
    const [large, asFloat] = ["8a09000010632d5ec76b05", "474415af1d78b58c40"];
    expect(toJson(`80047d 28 ${large}4b01 ${asFloat}4b02 75 2e`)).toBe('{"100000000000000000000":2}');
    expect(toJson(`80047d 28 ${text("1")}4b01 4b014b02 75 2e`)).toBe('{"1":1}');
  });
});

describe("refuses", () => {
  test.each([
    ["a datetime", "8002636461746574696d650a6461746574696d650a710063", "GLOBAL"],
    [
      "a Decimal",
      "80049521000000000000008c07646563696d616c948c07446563696d616c9493948c03312e3594859452942e",
      "STACK_GLOBAL",
    ],
    [
      "a set in protocol 2, which is a call",
      "8002635f5f6275696c74696e5f5f0a7365740a71005d71014b01618571025271032e",
      "GLOBAL",
    ],
    [
      "bytes in protocol 2, which are a call",
      "8002635f636f646563730a656e636f64650a7100580200000061622e",
      "GLOBAL",
    ],
    ["REDUCE", "8004 4e 29 52 2e", "REDUCE"],
    ["BUILD", "8004 7d 7d 62 2e", "BUILD"],
    ["INST", "8002 28 69 6f730a73797374656d0a 2e", "INST"],
    ["OBJ", "8002 28 4e 6f 2e", "OBJ"],
    ["NEWOBJ", "8004 4e 29 81 2e", "NEWOBJ"],
    ["NEWOBJ_EX", "8004 4e 29 7d 92 2e", "NEWOBJ_EX"],
    ["EXT1", "8004 82 01 2e", "EXT1"],
    ["EXT2", "8004 83 0100 2e", "EXT2"],
    ["EXT4", "8004 84 01000000 2e", "EXT4"],
    ["PERSID", "8002 50 610a 2e", "PERSID"],
    ["BINPERSID", "8002 4e 51 2e", "BINPERSID"],
    ["NEXT_BUFFER", "8005 97 2e", "NEXT_BUFFER"],
    ["READONLY_BUFFER", "8005 4e 98 2e", "READONLY_BUFFER"],
  ])("%s", (_, hex, opcode) => {
    const error = errorOf(hex);
    expect(error.reason).toBe("forbidden-opcode");
    expect(error.message).toContain(` ${opcode},`);
  });

  test("every opcode of CPython beyond plain data, and every byte that is not an opcode", () => {
    const read = Array.from({ length: 256 }, (_, opcode) => opcode).filter((opcode) => {
      const hex = opcode.toString(16).padStart(2, "0");
      return !/(No opcode of plain data|names, builds or calls)/.test(messageOf(`8004${hex}`));
    });
    const plain = Object.values(OPCODES).filter((opcode) => opcode !== OPCODES.PROTO);
    expect(read).toEqual(plain.toSorted((one, two) => one - two));
  });

  test("structures that contain themselves", () => {
    for (const hex of ["80049506000000000000005d946800612e", "8004950a000000000000007d948c0164946800732e"])
      expect(reasonOf(hex)).toBe("cycle");
    // A list that contains itself through a tuple; a dict that holds a frozen set of a tuple of it.
    expect(reasonOf("8004 5d94 6800 85 61 2e")).toBe("cycle");
    expect(reasonOf("8004 7d94 28 6800 85 91 4e 73 2e")).toBe("cycle");
    // A tuple that contains itself, for which CPython needs an opcode beyond plain data.
    expect(reasonOf("8004950b000000000000005d9468008594613068012e")).toBe("malformed");
  });

  test.each([
    ["nothing", ""],
    ["half a header", "80"],
    ["protocol 0", "286c70300a2e"],
    ["protocol 1", "80014e2e"],
    ["protocol 6", "80064e2e"],
    ["JSON", "7b7d"],
    ["no end", "80044e"],
    ["an end without a value", "80042e"],
    ["two values", "80044e4e2e"],
    ["a mark that is left", "8004284e2e"],
    ["something after the end", "80044e2e00"],
    ["a text that ends too early", "80048c05612e"],
    ["a text of 2 ** 63 bytes", "80048dffffffffffffff7f612e"],
    ["bytes of 4 GiB", "800442ffffffff612e"],
    ["an integer of 4 GiB", "80048bffffffff612e"],
    ["a frame that is longer than the pickle", "800495ff000000000000004e2e"],
    ["text that is not UTF-8", "80048c01ff2e"],
    ["half a surrogate", "80048c02eda02e"],
    ["an entry that the memo has not got", "800468002e"],
    ["an entry of nothing", "8004942e"],
    ["a tuple of more than there is", "80044e862e"],
    ["what stands before a mark", "80044e28852e"],
    ["items without a mark", "80045d652e"],
    ["items of what is no list", "80047d284e652e"],
    ["members of what is no dict", "80045d284e4e752e"],
    ["half a member", "80047d284e752e"],
    ["an item of a frozen set", "8004289194284e90 2e"],
    ["a list for a key", "80047d5d4e732e"],
    ["a dict in a set", "80048f287d902e"],
    ["digits that are none", "800249317830310a2e"],
    ["digits without end", `800249${"31".repeat(30)}0a2e`],
    ["digits and then nothing", "80024931"],
  ])("as broken: %s", (_, hex) => {
    expect(reasonOf(hex)).toBe("malformed");
  });
});

function messageOf(hex: string): string {
  try {
    parse(hex);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("keeps within its limits", () => {
  test("maxBytes: a longer pickle is not read", () => {
    expect(reasonOf(`8004${text("abc")}2e`, { maxBytes: 7 })).toBe("too-large");
    expect(parse(`8004${text("abc")}2e`, { maxBytes: 8 })).toBe("abc");
  });

  test("maxItems: stops at the first value too many, and counts marks and memo entries", () => {
    const error = errorOf(`8004${"5d".repeat(100_000)}2e`, { maxItems: 10 });
    expect(error).toMatchObject({ reason: "too-large", offset: 12 });
    expect(reasonOf(`8004${"28".repeat(100_000)}2e`, { maxItems: 10 })).toBe("too-large");
    expect(reasonOf(`80044e${"94".repeat(11)}2e`, { maxItems: 10 })).toBe("too-large");
    expect(parse(`80044e${"94".repeat(10)}2e`, { maxItems: 10 })).toBeNull();
  });

  test("maxDepth", () => {
    const nested = (levels: number) => `8004${"5d".repeat(levels)}${"61".repeat(levels - 1)}2e`;
    expect(parse(nested(500))).toHaveLength(1);
    expect(reasonOf(nested(501))).toBe("too-large");
    expect(reasonOf(nested(50_000))).toBe("too-large");
    expect(parse(nested(1000), { maxDepth: 1000 })).toHaveLength(1);
    const tuples = `8004 29 ${"85".repeat(600)} 2e`;
    expect(reasonOf(tuples)).toBe("too-large");
  });

  test("a list of ten references to a list of ten references, and so on: 10 ** 30 values in 800 bytes", () => {
    const level = (index: number) => `5d94 28 ${`68${index.toString(16).padStart(2, "0")}`.repeat(10)} 65`;
    const levels = Array.from({ length: 30 }, (_, index) => level(index)).join("");
    expect(reasonOf(`8004 28 5d94 28 ${"4e".repeat(10)} 65 ${levels} 74 2e`, { maxItems: 1_000_000 })).toBe(
      "too-large",
    );
  });

  test("a text of 100 kB with 1000 references", () => {
    const long = `58a0860100${"61".repeat(100_000)}`;
    expect(reasonOf(`8004 5d 28 ${long}94 ${"6800".repeat(1000)} 65 2e`)).toBe("too-large");
    expect(reasonOf(`8004 5d 28 ${long}94 ${"6800".repeat(9)} 65 2e`, { maxBytes: 999_999 })).toBe(
      "too-large",
    );
    expect(parse(`8004 5d 28 ${long}94 ${"6800".repeat(9)} 65 2e`, { maxBytes: 1_000_000 })).toHaveLength(10);
  });

  test("a key of 100 kB that is set 1000 times: each comparison takes time, though one key is left", () => {
    const long = `58a0860100${"61".repeat(100_000)}`;
    expect(reasonOf(`8004 7d 28 ${long}94 4e ${"68004e".repeat(999)} 75 2e`)).toBe("too-large");
    expect(reasonOf(`8004 8f 28 ${long}94 ${"6800".repeat(999)} 90 2e`)).toBe("too-large");
    expect(toJson(`8004 7d 28 ${text("a")}94 4e ${"680088".repeat(999)} 75 2e`)).toBe('{"a":true}');
  });

  test("an integer of a megabyte is read quickly, and refused as JSON", () => {
    const value = parse(`8004 8b00000f00${"ff".repeat(0x0f_00_00 - 1)}7f 2e`);
    expect(pickleToJson(value).unfit).toEqual([
      { path: "data", found: "an integer of more than 4300 digits" },
    ]);
  });

  test("keys that are equal in Python are one, and texts that look like their identities are not", () => {
    const big = "8a090000000000000080 00"; // 2**63
    const keys = [
      "4b01",
      "88",
      "473ff0000000000000",
      big,
      "4743e0000000000000",
      text("\0i1"),
      text("\0\0i1"),
      "473fe0000000000000",
    ];
    const dict = parse(`8004 7d 28 ${keys.map((key) => `${key}4e`).join("")} 75 2e`) as PickleDict;
    expect([...dict.entries].map(([key]) => key)).toEqual([
      1,
      2n ** 63n,
      "\0i1",
      "\0\0i1",
      new PickleFloat(0.5),
    ]);
    const set = parse(`8004 8f 28 ${keys.join("")} 90 2e`) as PickleSet;
    expect([...set.members]).toHaveLength(5);
  });

  /** Pickles of 20 000 keys or indices; `isHostile`: with one hash in V8. */
  const HASHED: Readonly<Record<string, (isHostile: boolean) => string>> = {
    "big integers, keys of a dict": (isHostile) =>
      `8004 7d 28 ${numbers((each) => `8a0c${bigInteger(each, isHostile)}4e`)} 75 2e`,
    "big integers in a set": (isHostile) =>
      `8004 8f 28 ${numbers((each) => `8a0c${bigInteger(each, isHostile)}`)} 90 2e`,
    "integers, keys of a dict": (isHostile) => {
      const keys = isHostile ? SAME_HASH : SAME_HASH.map((_, index) => index * 1000);
      return `8004 7d 28 ${keys.map((key) => `4a${uint32(key)}4e`).join("")} 75 2e`;
    },
    "indices of the memo": (isHostile) => {
      const indices = isHostile ? SAME_HASH : SAME_HASH.map((_, index) => index * 1000);
      return `8004 4e ${indices.map((index) => `72${uint32(index)}`).join("")} 2e`;
    },
  };

  test.each(Object.entries(HASHED))("%s with one hash take no longer than others", (_, pickle) => {
    const [others, hostile] = [false, true].map((isHostile) =>
      Buffer.from(pickle(isHostile).replaceAll(" ", ""), "hex"),
    );
    const spanOf = (bytes: Buffer | undefined): number => {
      const begun = performance.now();
      parsePickle(bytes as Buffer);
      return performance.now() - begun;
    };
    // They took 100 times as long.
    expect(spanOf(hostile)).toBeLessThan(10 * spanOf(others) + 250);
  });

  test("invalid limits", () => {
    for (const limits of [{ maxBytes: 0 }, { maxItems: 1.5 }, { maxDepth: 1001 }, { maxDepth: Number.NaN }])
      expect(() => parse("80044e2e", limits)).toThrow(RangeError);
  });
});

test("no message shows the contents of the pickle", () => {
  const secret = "hunter2-secret";
  const broken = [
    `8004${text(secret)}52 2e`,
    `8004${text(secret)}`,
    `8004${text(secret)}4e2e`,
    `8004 7d 5d ${text(secret)} 73 2e`,
    `8004${text(secret)} ff`,
    `8004${text(secret)}94 5d 28 ${"6800".repeat(200)} 65 2e`,
    `8002 63${Buffer.from(secret).toString("hex")}0a610a 2e`,
    `8002 49${Buffer.from(secret).toString("hex")}0a 2e`,
  ];
  for (const hex of broken) {
    const error = errorOf(hex, { maxItems: 100 });
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain("hunter2");
  }
});
