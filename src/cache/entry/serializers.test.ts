import { describe, expect, test } from "vitest";
import { NotJsonError } from "../../core/errors.ts";
import { isCacheSerializer, JsonSerializer, TaggedJsonSerializer } from "./serializers.ts";

const MOMENT = new Date("2026-04-17T12:30:45.12Z");

describe("JsonSerializer", () => {
  test("writes strict JSON, and names the path of a value that it cannot hold", () => {
    expect(JsonSerializer.dump({ a: [1, 12n, "é"] })).toBe('{"a":[1,12,"é"]}');
    expect(() => JsonSerializer.dump({ at: MOMENT }, "values.x")).toThrow(NotJsonError);
    expect(() => JsonSerializer.dump({ at: MOMENT }, "values.x")).toThrow("values.x.at is a Date");
    expect(() => JsonSerializer.dump(Number.NaN)).toThrow("value is NaN");
  });

  test("reads JSON of Python, and shows nothing of a text that it cannot read", () => {
    expect(JsonSerializer.load('{"n": NaN, "i": 12345678901234567890}')).toEqual({
      n: Number.NaN,
      i: 12345678901234567890n,
    });
    expect(() => JsonSerializer.load('{"secret": hunter2')).toThrow(
      new SyntaxError("JSON is malformed at position 11"),
    );
  });
});

describe("TaggedJsonSerializer", () => {
  test("restores values that JSON cannot hold", () => {
    const value = {
      at: MOMENT,
      none: null,
      flag: true,
      empty: "",
      bytes: new Uint8Array(),
      ids: new Set([3n, 1n]),
    };
    const text = TaggedJsonSerializer.dump(value);
    expect(TaggedJsonSerializer.load(text)).toStrictEqual(value);
    expect(JSON.parse(text)).toEqual({
      at: { $date: "2026-04-17T12:30:45.120Z" },
      none: null,
      flag: true,
      empty: "",
      bytes: { $bytes: "" },
      ids: { $set: [{ $bigint: "3" }, { $bigint: "1" }] },
    });
  });

  test("writes integers as digits, so that they can be counted with", () => {
    expect(TaggedJsonSerializer.dump(41)).toBe("41");
    expect(TaggedJsonSerializer.load("42")).toBe(42);
  });

  test("names the path of a value that it cannot hold", () => {
    expect(() => TaggedJsonSerializer.dump([/x/], "values.x")).toThrow("values.x[0] is a RegExp");
    expect(() => TaggedJsonSerializer.dump(undefined)).toThrow("value is undefined");
  });
});

test("a serializer is an object with dump and load", () => {
  class Own {
    dump(): string {
      return "1";
    }

    load(): unknown {
      return 1;
    }
  }
  for (const right of [JsonSerializer, TaggedJsonSerializer, new Own()])
    expect(isCacheSerializer(right)).toBe(true);
  for (const wrong of [Own, null, undefined, "json", {}, { dump() {} }, { load() {} }]) {
    expect(isCacheSerializer(wrong)).toBe(false);
  }
});
