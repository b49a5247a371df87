import { expect, test } from "vitest";
import { readItem, writeEntry, writeItem } from "./cache-item.ts";

const LEASE = { token: "token", endsAt: 5, forgottenAt: 9, ended: 0, hasWaiters: false };
const ENDS = [0, 1, 35, 36, 1_764_370_800_123, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY];

test.each(ENDS)(
  "an entry that ends at %d is the same as text and as bytes, and is read back",
  (expiresAt) => {
    const value = Buffer.from('{"text":"é😀\\n!"}');
    const written = writeItem("key", { entry: { value, expiresAt } });
    expect(Buffer.from(writeEntry(value.toString(), expiresAt))).toEqual(written);
    expect(writeEntry(value, expiresAt)).toEqual(written);
    expect(readItem(written)).toEqual({ entry: { value, expiresAt }, lease: undefined });
  },
);

test("a lease is read back, with an entry and without", () => {
  const entry = { value: Buffer.from("1"), expiresAt: 40 };
  expect(readItem(writeItem("key", { entry, lease: LEASE }))).toMatchObject({ entry, lease: LEASE });
  expect(readItem(writeItem("key", { lease: LEASE }))).toMatchObject({ lease: LEASE });
});

test.each(["", "\n", "A\n1", "1", "1:\n1", "`\n1", "{\n1", "123456789012\n1", "1 ?\n1", "é\n1"])(
  "the text %j is an empty cell",
  (text) => {
    expect(readItem(Buffer.from(text))).toEqual({});
  },
);
