import { expect, test } from "vitest";
import { copyJson } from "./copy-json.ts";

test("a copy is equal, shares nothing with the value, and has each shared object in each of its places", () => {
  const shared = Object.freeze({ n: 1n, none: undefined });
  const value = { list: [shared, shared], empty: Object.create(null) as object, nan: Number.NaN };
  const copies: object[] = [];
  const copy = copyJson(value, (made) => copies.push(made)) as typeof value;
  expect(copy).toStrictEqual({ ...value, empty: {} });
  expect(copies).toHaveLength(5);
  expect(copies).not.toContain(shared);
  expect(copy.list[0]).not.toBe(copy.list[1]);
});

test("a key named __proto__ is a key", () => {
  const copy = copyJson(JSON.parse('{"__proto__":{"polluted":true}}')) as Record<string, unknown>;
  expect(Object.keys(copy)).toStrictEqual(["__proto__"]);
  expect(copy["polluted"]).toBeUndefined();
});

test("a value that the writer refuses is returned itself: the path in the message is the value's own", () => {
  const circle: Record<string, unknown> = { inner: {} };
  circle["self"] = circle;
  let deep: unknown = {};
  for (let level = 0; level < 1001; level++) deep = { deep };
  const refused = [{ at: new Date(0) }, [new Map()], { s: { [Symbol("s")]: 1 } }, [undefined], circle, deep];
  // oxlint-disable-next-line unicorn/no-new-array -- four thousand million holes
  for (const value of [...refused, new Array(2 ** 32 - 1)]) expect(copyJson(value)).toBe(value);
});
