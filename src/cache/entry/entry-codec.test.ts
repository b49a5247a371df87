import fc from "fast-check";
import { expect, test } from "vitest";

import { scaled, seed } from "../../../test/support/scale.ts";
import { CacheCorruptError } from "../../core/errors.ts";
import { EntryCodec } from "./entry-codec.ts";

const KEY = { key: "k", storageKey: "shop:1:k" };
const codec = new EntryCodec({ serializer: undefined, compression: undefined, frozen: false });
const runs = { seed, numRuns: scaled(300, 20_000) };
const ANY_TEXT = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary-ascii" }));
const SAFE_PROBLEM = /^JSON (is malformed (at position \d+|at its end)|nests more|has an integer)/;

test("any text is either read, or a typed error that shows nothing of it", () => {
  const cutJson = fc.json().map((json) => json.slice(1));
  fc.assert(
    fc.property(fc.oneof(ANY_TEXT, fc.json(), cutJson), (text) => {
      const error = errorOf(() => codec.parse(text, KEY));
      return error === undefined || (error instanceof CacheCorruptError && SAFE_PROBLEM.test(error.problem));
    }),
    runs,
  );
});

test("written values are read back equal, integers of any size included", () => {
  const float = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(
      fc.oneof(fc.jsonValue({ stringUnit: "grapheme" }), ANY_TEXT, fc.bigInt(), fc.maxSafeInteger(), float),
      (value) => {
        const read = codec.parse(codec.write(value, "value").text, KEY);
        const isSmall = typeof value === "bigint" && Number.isSafeInteger(Number(value));
        expect(read).toEqual(isSmall ? Number(value) : value);
      },
    ),
    runs,
  );
});

function errorOf(act: () => unknown): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return error;
  }
}
