import fc from "fast-check";
import { expect, test } from "vitest";
import { scaled, seed } from "../../../test/support/scale.ts";
import { SessionRecord } from "../record/session-record.ts";
import { SessionData } from "./session-data.ts";

type Data = Record<string, unknown>;
type Step = readonly [name: keyof typeof STEPS, key: string, value: unknown];

/** Changes that an application makes to its data, and saves. */
const STEPS = {
  read: ({ object }: SessionData<Data>, key: string) => void object[key],
  set: ({ object }: SessionData<Data>, key: string, value: unknown) => void (object[key] = value),
  define: ({ object }: SessionData<Data>, key: string, value: unknown) =>
    void Object.defineProperty(object, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    }),
  delete: ({ object }: SessionData<Data>, key: string) => void delete object[key],
  push: ({ object }: SessionData<Data>, key: string, value: unknown) => {
    const list = object[key];
    if (Array.isArray(list)) list.push(value);
  },
  save: (data: SessionData<Data>) => data.markSaved(data.delta()),
};

const KEYS = ["number", "text", "escaped", "list", "nothing", "more"];
const value = fc.oneof(fc.constantFrom(1, 2, null, "a", "b", true), fc.constant("list"));
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom(...(Object.keys(STEPS) as (keyof typeof STEPS)[])),
  fc.constantFrom(...KEYS),
  value,
);

/** The changes as a comparison of all texts finds them. */
function changesOf(stored: ReadonlyMap<string, string>, { object }: SessionData<Data>): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const key of new Set([...stored.keys(), ...Object.keys(object)])) {
    const text = Object.hasOwn(object, key) ? JSON.stringify(object[key]) : undefined;
    if (text !== stored.get(key)) found.set(key, text);
  }
  return found;
}

test("the changes are those that a comparison of all texts finds, whatever came before", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const data = new SessionData<Data>(
        SessionRecord.parse(String.raw`{"number":1,"text":"a","escaped":"\"","list":[1],"nothing":null}`),
      );
      const stored = new Map<string, string>(
        Object.entries({
          number: "1",
          text: '"a"',
          escaped: String.raw`"\""`,
          list: "[1]",
          nothing: "null",
        }),
      );
      for (const [name, key, given] of steps) {
        const delta = data.delta();
        STEPS[name](data, key, given === "list" ? [given] : given);
        if (name === "save")
          for (const [part, text] of delta)
            if (text === undefined) stored.delete(part);
            else stored.set(part, text);
        const expected = changesOf(stored, data);
        expect(new Map(data.delta())).toEqual(expected);
        expect(data.hasChanges).toBe(expected.size > 0);
      }
    }),
    { seed, numRuns: scaled(300, 20_000) },
  );
});
