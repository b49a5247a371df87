import fc from "fast-check";

import type { Data } from "./node-site.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 10 }),
  fc.constantFrom(
    "",
    "\u007f",
    "\u0000\u001f",
    "\u2028\u2029",
    "😀\u{10ffff}",
    '"\\/',
    "\ue000\uffff",
    "NaN",
    "\\u0041",
  ),
);

const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(
    -0,
    0.1,
    1e16,
    1e-5,
    1e-7,
    1e21,
    2 ** 53,
    2 ** 63,
    5e-324,
    Number.MAX_VALUE,
    2n ** 63n,
    12n,
  ),
);

/** Long enough, and like itself enough, to be compressed. */
const longText = fc
  .tuple(fc.string({ unit: "binary", minLength: 1, maxLength: 8 }), fc.integer({ min: 50, max: 500 }))
  .map(([part, times]) => part.repeat(times));

const key = fc.oneof(
  text,
  fc.nat(200).map(String),
  fc.constantFrom("__proto__", "constructor", "toString", "4294967295"),
);

const object = (value: fc.Arbitrary<unknown>, minLength: number): fc.Arbitrary<Data> =>
  fc
    .uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, minLength, maxLength: 6 })
    // Its properties are defined, not assigned, so that __proto__ is a key like any other.
    .map((entries) => Object.fromEntries(entries));

const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(text, number, fc.boolean(), fc.constant(null)),
    longText,
    fc.array(tie("value"), { maxLength: 6 }),
    object(tie("value"), 0),
  ),
}));

/** Too little to be worth compressing. */
const smallSession = fc
  .tuple(fc.string({ minLength: 1, maxLength: 8 }), fc.oneof(number, fc.boolean()))
  .map(([name, value]) => Object.fromEntries([[name, value]]));

/** Data of a session: whatever JSON can hold exactly, and bigints. */
export const arbitrarySession: fc.Arbitrary<Data> = fc.oneof(
  { arbitrary: object(anyValue, 1), weight: 2 },
  { arbitrary: smallSession, weight: 1 },
);
