import { describe, expect, test } from "vitest";
import { csrfToken, isCsrfTokenValid, rotateCsrfToken } from "./csrf.ts";

const SECRET = "abcdefghijklmnopqrstuvwxyzABCDEF";
// `_mask_cipher_secret(SECRET)` of Django 5.2.17.
const TOKENS_OF_DJANGO = [
  "6Fce9OXIz8RiF0utu52TygvnseJ01Del6GehdT3PHh1tRdIIKmkcSBRKQD9rt6IQ",
  "q1fZcO9llr5JPkPBLRtQxPdkhRheu9SWq2h2gTfstAfU1x3Q18L9RazHFgHFWCmr",
  "VwQXkVklDKHFcbZE7bSVuYQKjBx1TnU7VxS0o0qsLTRQoodTnsaeOjc7H0XslQoC",
];

const sessionWith = (secret?: unknown) => ({
  data: (secret === undefined ? {} : { _csrftoken: secret }) as Record<string, unknown>,
});

describe("a token", () => {
  test("is 64 letters and digits, another text each time, of a secret that is generated once", () => {
    const session = sessionWith();
    const first = csrfToken(session);
    const secret = session.data["_csrftoken"];
    const tokens = [first, ...Array.from({ length: 200 }, () => csrfToken(session))];
    expect(new Set(tokens).size).toBe(tokens.length);
    for (const token of tokens) {
      expect(token).toMatch(/^[a-zA-Z0-9]{64}$/);
      expect(isCsrfTokenValid(session, token)).toBe(true);
    }
    expect(secret).toMatch(/^[a-zA-Z0-9]{32}$/);
    expect(session.data).toEqual({ _csrftoken: secret });
  });

  test.each(TOKENS_OF_DJANGO)(
    "of Django's is valid, and invalid after a change of any character: %s",
    (token) => {
      const session = sessionWith(SECRET);
      expect(isCsrfTokenValid(session, token)).toBe(true);
      for (let at = 0; at < token.length; at++) {
        const wrong = token.slice(0, at) + (token[at] === "a" ? "b" : "a") + token.slice(at + 1);
        expect(isCsrfTokenValid(session, wrong)).toBe(false);
      }
    },
  );

  test("may be the bare secret", () => {
    expect(isCsrfTokenValid(sessionWith(SECRET), SECRET)).toBe(true);
    expect(isCsrfTokenValid(sessionWith(SECRET), SECRET.toLowerCase())).toBe(false);
  });

  test.each([
    undefined,
    null,
    "",
    42,
    [SECRET],
    {},
    `${SECRET}x`,
    `${SECRET}\n`,
    SECRET.slice(1),
    `${SECRET.slice(1)}-`,
    "é".repeat(32),
  ])("%o is none", (token) => {
    expect(isCsrfTokenValid(sessionWith(SECRET), token)).toBe(false);
    expect(isCsrfTokenValid(sessionWith(token), token)).toBe(false);
  });

  test("is invalid for a session without a secret, and the check creates none", () => {
    const session = sessionWith();
    expect(isCsrfTokenValid(session, SECRET)).toBe(false);
    expect(session.data).toEqual({});
  });
});

describe("a secret", () => {
  test.each(TOKENS_OF_DJANGO)("masked by Django up to 4.0 is read and left unchanged: %s", (masked) => {
    const session = sessionWith(masked);
    expect(isCsrfTokenValid(session, SECRET)).toBe(true);
    expect(isCsrfTokenValid(sessionWith(SECRET), csrfToken(session))).toBe(true);
    expect(session.data["_csrftoken"]).toBe(masked);
  });

  test.each([null, 42, "", "short", "é".repeat(32), [SECRET]])(
    "%o is not one: csrfToken() creates one",
    (stored) => {
      const session = sessionWith(stored);
      expect(isCsrfTokenValid(session, csrfToken(session))).toBe(true);
      expect(session.data["_csrftoken"]).toMatch(/^[a-zA-Z0-9]{32}$/);
    },
  );

  test("invalidates earlier tokens when it is rotated", () => {
    const session = sessionWith(SECRET);
    const token = csrfToken(session);
    rotateCsrfToken(session);
    expect(isCsrfTokenValid(session, token)).toBe(false);
    expect(isCsrfTokenValid(session, csrfToken(session))).toBe(true);
  });

  test("is random: no character is preferred at any position", () => {
    const counts = new Map<string, number>();
    const rounds = 2000;
    for (let round = 0; round < rounds; round++) {
      const session = sessionWith();
      rotateCsrfToken(session);
      for (const character of String(session.data["_csrftoken"]))
        counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    const expected = (rounds * 32) / 62;
    const chiSquare = [...counts.values()].reduce(
      (sum, count) => sum + (count - expected) ** 2 / expected,
      0,
    );
    // 61 degrees of freedom: 1 in 10 million random runs is above 138.
    expect(counts.size).toBe(62);
    expect(chiSquare).toBeLessThan(138);
  });
});
