import { createHash } from "node:crypto";
import { deflateRawSync, deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";

import { makeRecords } from "../../../../bench/memory/records.mjs";
import { hashSessionKey } from "../../../core/ids.ts";
import { heedsDictionaries } from "./bucket-dictionaries.ts";
import { splitRecord } from "./bucket-values.ts";
import { makeSessionDictionary } from "../index.ts";

const NONCE = "0123456789abcdef";
const recordOf = (data: object) => JSON.stringify({ _sojourn: { nonce: NONCE }, ...data });
const bodyOf = (record: string) => Buffer.from(splitRecord(record)?.body ?? "");
const many = (count: number, dataOf: (at: number) => object) =>
  Array.from({ length: count }, (_, at) => recordOf(dataOf(at)));
const textOf = (records: readonly string[], options?: object) =>
  makeSessionDictionary(records, options).toString();

/** A unique text of 1000 digits. */
const shake = (seed: number) =>
  createHash("shake256", { outputLength: 500 }).update(String(seed)).digest("hex");

describe("makeSessionDictionary", () => {
  test.skipIf(!heedsDictionaries())(
    "compresses unseen records of 300 bytes to less than a third of zlib's result",
    () => {
      const dictionary = makeSessionDictionary(makeRecords(400, 2));
      const bodies = makeRecords(100, 1).map(bodyOf);
      const sizeBy = (compress: (body: Buffer) => Buffer) =>
        bodies.reduce((sum, body) => sum + compress(body).length, 0) / bodies.length;
      const size = sizeBy((body) => deflateRawSync(body, { dictionary }));
      expect(sizeBy((body) => deflateSync(body)) / size).toBeGreaterThan(3);
    },
  );

  test("returns the same for the same records", () => {
    const records = makeRecords(50, 3);
    expect(makeSessionDictionary(records)).toEqual(makeSessionDictionary(records));
  });

  test("takes parts that records share, and nothing of only one record", () => {
    const secrets = Array.from({ length: 100 }, (_, at) => hashSessionKey(`secret ${at}`));
    const text = textOf(secrets.map((secret) => recordOf({ greeting: "good morning", secret })));
    expect(text).toContain('"greeting":"good morning","secret":"');
    for (const secret of secrets) expect(text).not.toContain(secret.slice(0, 6));
  });

  test("takes parts shared by minRecords: at least 3, or one in a hundred", () => {
    const withRare = (count: number, rare: number) =>
      many(count, (at) =>
        at < rare ? { common: "all have it", rare: "xylophone" } : { common: "all have it" },
      );
    expect(textOf(withRare(100, 3))).toContain("xylophone");
    expect(textOf(withRare(100, 2))).not.toContain("xylophone");
    expect(textOf(withRare(400, 4))).toContain("xylophone");
    expect(textOf(withRare(400, 3))).not.toContain("xylophone");
    expect(textOf(withRare(100, 2), { minRecords: 2 })).toContain("xylophone");
    expect(textOf(withRare(100, 9), { minRecords: 10 })).not.toContain("xylophone");
  });

  test("puts the most frequent last", () => {
    const text = textOf(
      many(300, (at) => (at % 10 === 0 ? { seldom: "a thing of its own" } : { often: "an everyday thing" })),
    );
    expect(text.indexOf("a thing of its own")).toBeGreaterThanOrEqual(0);
    expect(text.indexOf("an everyday thing")).toBeGreaterThan(text.indexOf("a thing of its own"));
  });

  test("is no longer than maxBytes, and then takes the most frequent", () => {
    const records = many(300, (at) =>
      at % 10 === 0 ? { seldom: "a thing of its own" } : { often: "an everyday thing" },
    );
    const text = textOf(records, { maxBytes: 40 });
    expect(text.length).toBeLessThanOrEqual(40);
    expect(text).toContain("an everyday thing");
    const long = Array.from({ length: 50 }, (_, at) => shake(at));
    const dictionary = makeSessionDictionary(many(150, (at) => ({ text: long[at % 50] })));
    expect(dictionary.length).toBeLessThanOrEqual(32_768);
    expect(dictionary.length).toBeGreaterThan(31_000);
  });

  test("takes nothing a second time", () => {
    const text = textOf(many(100, (at) => ({ weather: at % 2 === 0 ? "rain all day" : "nothing but sun" })));
    expect(text.split("rain all day")).toHaveLength(2);
    expect(text.length).toBeLessThan(100);
  });

  test("counts bytes, not characters", () => {
    const dictionary = makeSessionDictionary(many(10, () => ({ name: "Žofie \u{1F36A} Kovářová" })));
    expect(dictionary.toString()).toContain('"name":"Žofie \u{1F36A} Kovářová"}');
  });

  test("leaves out records of another form, such as encrypted ones", () => {
    const whole = Array.from({ length: 50 }, () => "sojourn1.all of them begin like this");
    expect(textOf([...whole, ...many(10, () => ({ common: "all have it" }))])).not.toContain("begin");
    expect(() => makeSessionDictionary(whole)).toThrow("but too few of 0 such records share anything");
  });

  test.each([[], [recordOf({ a: 1 }), recordOf({ a: 1 })]])(
    "refuses records that have nothing in common",
    (...records) => {
      expect(() => makeSessionDictionary(records)).toThrow(
        "makeSessionDictionary.records: expected records of the format",
      );
    },
  );

  test.each([
    [
      "makeSessionDictionary.maxBytes: expected a whole number from 1 to 32768, got 32769",
      { maxBytes: 32_769 },
    ],
    ["makeSessionDictionary.maxBytes: expected a whole number from 1 to 32768, got 0", { maxBytes: 0 }],
    ["makeSessionDictionary.minRecords: expected a whole number from 2, got 1", { minRecords: 1 }],
    ["makeSessionDictionary.minRecords: expected a whole number from 2, got 2.5", { minRecords: 2.5 }],
  ])("refuses a wrong option: %s", (message, options) => {
    expect(() => makeSessionDictionary([], options)).toThrow(message);
  });
});
