import { expect, test } from "vitest";

import { SessionInterrupted, StoreConnectionError, StoreServiceError } from "../core/errors.ts";
import { throwNotSent, throwUnknown } from "./partial-failures.ts";

function thrownBy(handler: (error: unknown) => never, error: unknown): unknown {
  try {
    return handler(error);
  } catch (thrown) {
    return thrown;
  }
}

test.each([StoreConnectionError, StoreServiceError])(
  "%o: a step after the first one that was not sent leaves the outcome of the call unknown",
  (Failure) => {
    const cause = new Failure("SET was not sent.", { outcome: "not-sent" });
    const error = thrownBy(throwUnknown, cause);
    expect(error).toBeInstanceOf(Failure);
    expect(error).toMatchObject({ outcome: "unknown", cause, code: cause.code });
    const unknown = new Failure("No answer.", { outcome: "unknown" });
    expect(thrownBy(throwUnknown, unknown)).toBe(unknown);
  },
);

test("a step before the deciding one without an answer leaves nothing written", () => {
  const cause = new StoreConnectionError("No answer.", { outcome: "unknown" });
  expect(thrownBy(throwNotSent, cause)).toMatchObject({ outcome: "not-sent", cause });
  const notSent = new StoreConnectionError("Not sent.", { outcome: "not-sent" });
  expect(thrownBy(throwNotSent, notSent)).toBe(notSent);
});

test("other errors pass", () => {
  for (const error of [new SessionInterrupted(), new Error("own"), undefined])
    for (const handler of [throwNotSent, throwUnknown]) expect(thrownBy(handler, error)).toBe(error);
});
