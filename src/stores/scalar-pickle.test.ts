import { expect, test } from "vitest";

import { integerOf, pickleScalar, unpickleScalar } from "./scalar-pickle.ts";

/** `pickle.dumps(value, 5).hex()` of CPython 3.11. */
const VECTORS: readonly (readonly [value: string, pickle: string])[] = [
  ["0", "80054b002e"],
  ["255", "80054bff2e"],
  ["256", "80059504000000000000004d00012e"],
  ["65535", "80059504000000000000004dffff2e"],
  ["65536", "80059506000000000000004a000001002e"],
  ["-1", "80059506000000000000004affffffff2e"],
  ["2147483648", "80059508000000000000008a0500000080002e"],
  ["-2147483649", "80059508000000000000008a05ffffff7fff2e"],
  ["9223372036854775807", "8005950b000000000000008a08ffffffffffffff7f2e"],
  ["-9223372036854775808", "8005950b000000000000008a0800000000000000802e"],
  ["null", "80054e2e"],
  ["true", "8005882e"],
  ["false", "8005892e"],
  ["é", "80059506000000000000008c02c3a9942e"],
  ["", "80059504000000000000008c00942e"],
  ["a".repeat(256), "80059507010000000000005800010000" + "61".repeat(256) + "942e"],
];

test("scalars are pickled byte for byte as CPython does it, and read back", () => {
  for (const [value, pickle] of VECTORS) {
    expect(pickleScalar(Buffer.from(value)).toString("hex")).toBe(pickle);
    expect(unpickleScalar(Buffer.from(pickle, "hex"))?.value.toString()).toBe(value);
  }
});

test("bytes that are no UTF-8 are pickled as bytes", () => {
  for (const length of [1, 255, 256, 70_000]) {
    const bytes = Buffer.alloc(length, 0xff);
    expect(unpickleScalar(pickleScalar(bytes))?.value.equals(bytes)).toBe(true);
  }
  expect(pickleScalar(Buffer.of(0xff)).toString("hex")).toBe("80059505000000000000004301ff942e");
});

test("digits that no counter has stay text", () => {
  for (const text of ["01", "+1", "-0", "1.0", "9223372036854775808", "-9223372036854775809", "1e3", " 1"]) {
    expect(integerOf(Buffer.from(text))).toBeUndefined();
    expect(unpickleScalar(pickleScalar(Buffer.from(text)))?.value.toString()).toBe(text);
  }
});

test("older protocols are read; other values, other opcodes and cut pickles are not", () => {
  expect(unpickleScalar(Buffer.from("800258010000006171002e", "hex"))?.value.toString()).toBe("a");
  expect(unpickleScalar(Buffer.from("80048c0161942e", "hex"))?.value.toString()).toBe("a");
  const refused = [
    "",
    "80",
    "8005",
    "80064b002e",
    "80014b002e",
    "80055d942e", // []
    "80059510000000000000007d948c03666f6f948c0362617294732e", // {"foo": "bar"}
    "8005950a00000000000000473ff80000000000002e", // 1.5
    "80054b004b002e", // two values
    "80056f732e2e",
    "8005636f730a73797374656d0a2e", // GLOBAL os.system
    "80058c056161942e",
    "800558ffffffff612e",
    "80054b",
    "80058a09ff2e",
    "80055800",
  ];
  for (const pickle of refused) expect(unpickleScalar(Buffer.from(pickle, "hex")), pickle).toBeUndefined();
});

test("what follows the pickle is returned beside it", () => {
  const { value, rest } =
    unpickleScalar(Buffer.concat([pickleScalar(Buffer.from("7")), Buffer.from("key")])) ?? {};
  expect([value?.toString(), rest?.toString()]).toEqual(["7", "key"]);
});
