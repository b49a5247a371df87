import { expect, test } from "vitest";

import { Random } from "../../../test/support/random.ts";
import { scaled, seed } from "../../../test/support/scale.ts";
import { parsePickle, PickleError, type PickleRefusal, pickleToJson } from "./index.ts";
import { FORBIDDEN_OPCODES, OPCODES } from "./opcodes.ts";

const COUNT = scaled(10_000, 1_000_000);
const LIMITS = { maxBytes: 600, maxDepth: 4, maxItems: 120 };

// Pickles of CPython 3.11 and 2.7: sessions, every type, protocols 2 to 5, cycles, calls.
const PICKLES = [
  "80027d71005803000000666f6f710158030000006261727102732e",
  "80027d71015503666f6f710255036261727103732e",
  "80049510000000000000007d948c03666f6f948c0362617294732e",
  "80059505010000000000007d94288c016e944e8c017494888c016694898c0169945d94284b004bff4d00014dffff4a000001004affffffff4affffff7f4a000000808a0500000080008a07ffffffffffff1f8a07000000000000208a090000000000000080008a090000000000000000408a090000000000000000c0658c0164945d9428473ff0000000000000478000000000000000474341c37937e08000473ee4f8b588e368f1473fb999999999999a47437b69b4ba630f35658c0175948c0ec3a9f09f9880e280a87f2f225c0a948c016c945d94285d947d9429658c027474944b0185948c027432944b014b0286948c027433944b014b024b0387948c02743494284b014b024b034b047494752e",
  "80059535000000000000007d94288c016294430200ff948c0173948f94284b018c016194908c016694284b0291948c026261949601000000000000007894752e",
  "80049534000000000000007d94284b018c016394473ff80000000000008c0162944e8c0164948c0178948c0165948a09000010632d5ec76b058c016694752e",
  "8004950a000000000000007d948c0164946800732e",
  "8002635f5f6275696c74696e5f5f0a7365740a71005d71014b01618571025271032e",
  // Close to a limit, and beyond one: a list of nine references to a list of ten, and five nested
  // lists.
  `8004285d9428${"4e".repeat(10)}655d9428${"6800".repeat(9)}65742e`,
  "80045d5d5d5d5d616161612e",
].map((hex) => Buffer.from(hex, "hex"));

const BYTES = [...Object.values(OPCODES), ...FORBIDDEN_OPCODES.keys(), 0, 1, 2, 0x7f, 0xff];

function mutate(random: Random): Buffer {
  let pickle: Buffer = random.pick(PICKLES);
  for (let count = random.integer(0, 6); count > 0; count--) pickle = change(pickle, random);
  return pickle;
}

/** Mutates a pickle, mostly after the header, so that the parser gets beyond it. */
function change(pickle: Buffer, random: Random): Buffer {
  const at = random.integer(Math.min(2, pickle.length), pickle.length);
  const [before, after] = [pickle.subarray(0, at), pickle.subarray(at)];
  const other = random.pick(PICKLES);
  switch (random.integer(0, 6)) {
    case 0:
      return Buffer.concat([before, Buffer.from([random.integer(0, 255)]), after.subarray(1)]);
    case 1:
      return Buffer.concat([before, Buffer.from([random.pick(BYTES)]), after]);
    case 2:
      return Buffer.concat([before, Buffer.from([random.pick(BYTES)]), after.subarray(1)]);
    case 3:
      return Buffer.concat([before, after.subarray(random.integer(1, 4))]);
    case 4:
      return Buffer.concat([before, before.subarray(-random.integer(1, 20)), after]);
    case 5:
      return Buffer.concat([before, other.subarray(random.integer(0, other.length))]);
    default:
      return random.next() < 0.1
        ? before
        : Buffer.concat([before, Buffer.alloc(4, random.pick(BYTES)), after]);
  }
}

test(
  `of ${COUNT} mutated pickles each is read within the limits, or refused by a PickleError`,
  { timeout: scaled(60_000, 1_800_000) },
  () => {
    const seen: Record<PickleRefusal | "read", number> = {
      read: 0,
      "forbidden-opcode": 0,
      malformed: 0,
      cycle: 0,
      "too-large": 0,
    };
    for (let run = 0; run < COUNT; run++) seen[outcomeOf(mutate(new Random(seed + run)))]++;
    expect(
      Object.values(seen).every((count) => count > COUNT / 200),
      JSON.stringify(seen),
    ).toBe(true);
  },
);

function outcomeOf(pickle: Buffer): PickleRefusal | "read" {
  try {
    const { text, unfit } = pickleToJson(parsePickle(pickle, LIMITS));
    // At most six characters a byte, plus numbers and punctuation.
    expect(text.length).toBeLessThan(6 * LIMITS.maxBytes + 400 * LIMITS.maxItems);
    expect(unfit.length).toBeLessThanOrEqual(100);
    JSON.parse(text.replaceAll(/-?\b(NaN|Infinity)\b/g, "null"));
    return "read";
  } catch (error) {
    if (error instanceof PickleError) return error.reason;
    throw new Error(`${pickle.toString("hex")} has led to another error.`, { cause: error });
  }
}
