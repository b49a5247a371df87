import { expect, test } from "vitest";
import type { Cell } from "../cells.ts";
import { readItem, writeHead } from "./cache-item.ts";

const LEASE = { token: "token", endsAt: 5, forgottenAt: 9, ended: 0, hasWaiters: false };
const ENDS = [0, 1, 35, 36, 1_764_370_800_123, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY];

function itemOf(cell: Cell): Buffer {
  return Buffer.concat([Buffer.from(writeHead("key", cell)), cell.entry?.value ?? Buffer.of()]);
}

test.each(ENDS)("an entry that ends at %d is read back", (expiresAt) => {
  const entry = { value: Buffer.from('{"text":"é😀\\n!"}'), expiresAt };
  expect(readItem(itemOf({ entry }))).toEqual({ entry, lease: undefined });
});

test("a lease is read back, with an entry and without", () => {
  const entry = { value: Buffer.from("1"), expiresAt: 40 };
  expect(readItem(itemOf({ entry, lease: LEASE }))).toMatchObject({ entry, lease: LEASE });
  expect(readItem(itemOf({ lease: LEASE }))).toMatchObject({ lease: LEASE });
});

test.each(["", "\n", "A\n1", "1", "1:\n1", "`\n1", "{\n1", "123456789012\n1", "1 ?\n1", "é\n1"])(
  "the text %j is an empty cell",
  (text) => {
    expect(readItem(Buffer.from(text))).toEqual({});
  },
);
