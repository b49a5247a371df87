import * as v from "valibot";
import { describe, expect, test } from "vitest";

import { durationSchema } from "./durations.ts";
import { ImproperlyConfigured } from "./errors.ts";
import { parseSettings, settingsObject } from "./settings.ts";

const schema = settingsObject({
  projectName: v.string(),
  secretKeyFallbacks: v.optional(v.array(v.string()), []),
  cookie: v.optional(
    settingsObject({
      age: v.optional(durationSchema()),
      sameSite: v.optional(v.picklist(["lax", "strict"])),
      domain: v.optional(v.string()),
      secure: v.optional(v.boolean()),
    }),
  ),
});

function messageOf(input: unknown): string {
  try {
    parseSettings(schema, input, "sessions");
  } catch (error) {
    if (error instanceof ImproperlyConfigured) return error.message;
    throw error;
  }
  throw new Error("the settings were accepted");
}

describe("parseSettings", () => {
  test("returns the settings in their inner form, defaults included", () => {
    expect(parseSettings(schema, { projectName: "shop", cookie: { age: "1m" } }, "sessions")).toEqual({
      projectName: "shop",
      secretKeyFallbacks: [],
      cookie: { age: 60_000 },
    });
  });

  test.each<[unknown, string]>([
    [
      { projectName: "a", cookie: { age: "14" } },
      'sessions.cookie.age: expected seconds or text such as "14d", got "14" (string).',
    ],
    [
      { projectName: "a", cookie: { sameSite: "none" } },
      'sessions.cookie.sameSite: expected "lax" or "strict", got "none" (string).',
    ],
    [{ projectName: "a", cookie: 5 }, "sessions.cookie: expected an object, got 5 (number)."],
    [
      { projectName: "a", cookie: { secure: null } },
      "sessions.cookie.secure: expected true or false, got null.",
    ],
    [
      { projectName: "a", cookie: { domain: new Date() } },
      "sessions.cookie.domain: expected a string, got an object of class Date.",
    ],
    [{ cookie: {} }, "sessions.projectName: expected a string, got nothing."],
    [undefined, "sessions: expected an object, got nothing."],
  ])("%j: names the setting, the expected form and the given value", (input, expected) => {
    expect(messageOf(input)).toBe(expected);
  });

  test("the error carries the path of the setting", () => {
    const wrong = { projectName: "a", cookie: { age: [] } };
    expect(() => parseSettings(schema, wrong, "sessions")).toThrow(
      expect.objectContaining({ setting: "sessions.cookie.age", code: "ERR_IMPROPERLY_CONFIGURED" }),
    );
  });
});

describe("unknown names", () => {
  test("are reported with the nearest known one", () => {
    expect(messageOf({ projectName: "a", cookie: { samesite: "lax" } })).toBe(
      'sessions.cookie.samesite: is not a setting; did you mean "sameSite"?',
    );
  });

  test("a transposition is a slip", () => {
    const server = settingsObject({ port: v.optional(v.number()), path: v.optional(v.string()) });
    expect(() => parseSettings(server, { prot: 6380 }, "redis.session")).toThrow(
      'redis.session.prot: is not a setting; did you mean "port"?',
    );
  });

  test("come before the name that is missing because of the slip", () => {
    expect(messageOf({ projectname: "a" })).toBe(
      'sessions.projectname: is not a setting; did you mean "projectName"?',
    );
  });

  test("are reported with all names when none is near", () => {
    expect(messageOf({ projectName: "a", cookie: { zzz: 1 } })).toBe(
      'sessions.cookie.zzz: is not a setting; expected one of "age", "sameSite", "domain", "secure".',
    );
  });
});

describe("secrets", () => {
  test.each<[string, unknown]>([
    ["a value under a secret's name", { projectName: "a", secretKeyFallbacks: "hunter2" }],
    ["a text that may be a URL", { projectName: "a", cookie: { age: "redis://u:hunter2@host" } }],
    ["a long text", { projectName: "a", cookie: { age: `hunter2${"x".repeat(80)}` } }],
  ])("%s is not shown", (_, input) => {
    expect(messageOf(input)).toMatch(/got a string that is not shown\.$/);
    expect(messageOf(input)).not.toContain("hunter2");
  });
});
