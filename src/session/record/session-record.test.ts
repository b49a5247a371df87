import { expect, test } from "vitest";
import { SessionRecord } from "./session-record.ts";

const NONCE = "0123456789abcdef";

test.each([
  ["a number that is none", '"later":NaN'],
  ["a lone surrogate", String.raw`"later":"\ud800"`],
  ["a name with one", String.raw`"\ud800":1`],
  ["too many levels", `"later":${"[".repeat(600)}${"]".repeat(600)}`],
])("a fact with %s is dropped, since it would prevent every write of the session", (_, fact) => {
  const record = SessionRecord.parse(`{"a":1.0,"_sojourn":{"nonce":"${NONCE}",${fact},"kept":[1]}}`);
  expect(record.toPayload(false)).toBe(`{"a":1.0,"_sojourn":{"nonce":"${NONCE}","kept":[1]}}`);
});

test("a nonce with a lone surrogate is dropped", () => {
  const record = SessionRecord.parse(String.raw`{"_sojourn":{"nonce":"\ud800","created":5}}`);
  expect(record.metadata).toStrictEqual({ created: 5 });
});
