import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ABSENT, mergeDelta, mergeValues } from "./merge.ts";
import { type Delta, SessionRecord } from "../record/session-record.ts";

function merge(base: unknown, mine: unknown, theirs: unknown): { merged: unknown; conflicts: string[] } {
  const { value, conflicts } = mergeValues(base, mine, theirs);
  return { merged: value, conflicts: conflicts.map((path) => path.join(".")) };
}

describe("mergeValues", () => {
  test("a change of one side wins", () => {
    expect(merge(1, 2, 1)).toStrictEqual({ merged: 2, conflicts: [] });
    expect(merge(1, 1, 2)).toStrictEqual({ merged: 2, conflicts: [] });
    expect(merge(1, ABSENT, 1)).toStrictEqual({ merged: ABSENT, conflicts: [] });
    expect(merge(1, 1, ABSENT)).toStrictEqual({ merged: ABSENT, conflicts: [] });
  });

  test("an object that only one side changed keeps the order of its keys", () => {
    const [base, changed] = [{ o: { a: 1, b: 2 } }, { o: { c: 3, b: 2, a: 1 } }];
    for (const { merged } of [merge(base, changed, base), merge(base, base, changed)]) {
      expect(JSON.stringify(merged)).toBe('{"o":{"c":3,"b":2,"a":1}}');
    }
  });

  test("the same change on both sides is not a conflict", () => {
    expect(merge(1, { a: [2] }, { a: [2] })).toStrictEqual({ merged: { a: [2] }, conflicts: [] });
    expect(merge(1, ABSENT, ABSENT)).toStrictEqual({ merged: ABSENT, conflicts: [] });
  });

  test("merges plain objects, at any depth", () => {
    const base = { cart: { a: 1, b: 2 }, keep: { x: 1 } };
    const mine = { cart: { a: 9, b: 2 }, keep: { x: 1 } };
    const theirs = { cart: { a: 1, b: 2, c: 3 } };
    expect(merge(base, mine, theirs)).toStrictEqual({
      merged: { cart: { a: 9, b: 2, c: 3 } },
      conflicts: [],
    });
  });

  test("an object that both sides added is merged as if it had been empty before", () => {
    expect(merge(ABSENT, { a: { x: 1 } }, { a: { y: 2 } })).toStrictEqual({
      merged: { a: { y: 2, x: 1 } },
      conflicts: [],
    });
  });

  test("arrays and single values are one part: the last committer wins, and the conflict is reported", () => {
    expect(merge([1], [1, 2], [1, 3])).toStrictEqual({ merged: [1, 2], conflicts: [""] });
    expect(merge({ n: 1, l: [] }, { n: 2, l: [1] }, { n: 3, l: [] })).toStrictEqual({
      merged: { n: 2, l: [1] },
      conflicts: ["n"],
    });
    expect(merge(1, { a: 1 }, { b: 2 })).toStrictEqual({ merged: { a: 1 }, conflicts: [""] });
  });

  test("a change against a deletion is a conflict, and the last committer wins", () => {
    expect(merge({ a: 1 }, {}, { a: 2 })).toStrictEqual({ merged: {}, conflicts: ["a"] });
    expect(merge({ a: 1 }, { a: 2 }, {})).toStrictEqual({ merged: { a: 2 }, conflicts: ["a"] });
  });

  test("a key named __proto__ is a key", () => {
    const theirs: unknown = JSON.parse('{"a":1,"__proto__":{"polluted":true}}');
    const { merged } = merge({ a: 1 }, { a: 1, b: 2 }, theirs);
    expect(Object.hasOwn(merged as object, "__proto__")).toBe(true);
    expect((merged as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("law: changes of different keys all survive, in any merge order", () => {
    const value = fc.jsonValue({ maxDepth: 2 });
    const part = fc.dictionary(fc.constantFrom("a", "b", "c"), value, { noNullPrototype: true });
    fc.assert(
      fc.property(part, part, part, (base, ours, others) => {
        // Each side changes its own keys only.
        const mine: Record<string, unknown> = { ...base };
        const theirs: Record<string, unknown> = { ...base };
        for (const [key, changed] of Object.entries(ours)) mine[`mine-${key}`] = changed;
        for (const [key, changed] of Object.entries(others)) theirs[`theirs-${key}`] = changed;
        const { merged, conflicts } = merge(base, mine, theirs);
        expect(conflicts).toStrictEqual([]);
        expect(merged).toEqual({ ...mine, ...theirs });
        expect(merge(base, theirs, mine).merged).toEqual(merged);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test("law: merging with an unchanged side gives the other side", () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(value, value, (base, changed) => {
        expect(merge(base, changed, base)).toStrictEqual({ merged: changed, conflicts: [] });
        expect(merge(base, base, changed)).toStrictEqual({ merged: changed, conflicts: [] });
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe("mergeDelta", () => {
  function mergeRecords(
    seen: string,
    delta: Delta,
    theirs: string,
  ): { payload: unknown; conflicts: string[] } {
    const base = SessionRecord.parse(seen);
    const { record, conflicts } = mergeDelta(
      delta,
      { textOf: (key) => base.members.get(key)?.text },
      SessionRecord.parse(theirs),
    );
    return {
      payload: Object.fromEntries([...record.members].map(([key, { text }]) => [key, text])),
      conflicts: conflicts.map((path) => path.join(".")),
    };
  }

  test("keeps the text of parts that only they changed", () => {
    expect(mergeRecords('{"a":1}', new Map([["b", "2"]]), '{"a":1.0,"c":1e+16}')).toStrictEqual({
      payload: { a: "1.0", c: "1e+16", b: "2" },
      conflicts: [],
    });
  });

  test("values that only Python can write survive a merge of their object", () => {
    const delta = new Map([["o", '{"n":NaN,"mine":1}']]);
    expect(mergeRecords('{"o":{"n":NaN}}', delta, '{"o":{"n":NaN,"theirs":2}}')).toStrictEqual({
      payload: { o: '{"n":NaN,"theirs":2,"mine":1}' },
      conflicts: [],
    });
  });

  test("_auth_* keys are one part: two logins are never mixed", () => {
    const seen = '{"_auth_user_id":"1","_auth_user_hash":"h1","cart":1}';
    const theirs = '{"_auth_user_id":"2","_auth_user_hash":"h2","_auth_user_backend":"b2","cart":2}';
    expect(mergeRecords(seen, new Map([["_auth_user_id", '"3"']]), theirs)).toStrictEqual({
      payload: { _auth_user_id: '"3"', _auth_user_hash: '"h1"', cart: "2" },
      conflicts: ["_auth_*"],
    });
  });

  test("_auth_* keys that only one side changed are not a conflict", () => {
    const seen = '{"_auth_user_id":"1"}';
    expect(
      mergeRecords(seen, new Map([["_auth_user_id", '"2"']]), '{"_auth_user_id":"1","a":1}').conflicts,
    ).toStrictEqual([]);
    expect(mergeRecords(seen, new Map([["a", "1"]]), '{"_auth_user_id":"2"}')).toStrictEqual({
      payload: { _auth_user_id: '"2"', a: "1" },
      conflicts: [],
    });
  });
});
