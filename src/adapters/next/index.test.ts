import { describe, expect, test } from "vitest";
import { openHarness } from "../../../test/support/session-harness.ts";
import { ImproperlyConfigured, SessionUsageError } from "../../core/errors.ts";
import { nextSessions } from "./index.ts";

const { sessions } = openHarness();
// Functions of JavaScript, which checks no types.
const functions = nextSessions(sessions) as unknown as Record<string, (...args: unknown[]) => unknown>;
const make = nextSessions as (...args: unknown[]) => unknown;

describe("wrong arguments", () => {
  test("of nextSessions()", () => {
    expect(() => make({ sessions })).toThrow("Give its part: const { sessions } = createSojourn(…).");
    expect(() => make(sessions, { onEror: () => {} })).toThrow(ImproperlyConfigured);
    expect(() => make(sessions, { onError: "log" })).toThrow("a function of the error and the request");
    expect(() => make(sessions, { crossSite: "deny" })).toThrow(ImproperlyConfigured);
  });

  test("of withSession() and sessionAction()", () => {
    expect(() => functions["withSession"]?.({})).toThrow("The handler of withSession() has to be a function");
    expect(() => functions["withSession"]?.(() => {}, { eager: 1 })).toThrow("true or false");
    expect(() => functions["withSession"]?.(() => {}, { lazy: true })).toThrow(ImproperlyConfigured);
    expect(() => functions["sessionAction"]?.()).toThrow(
      "The action of sessionAction() has to be a function",
    );
  });

  test("of refreshSession(): exported as it is, its second argument is Next's event", async () => {
    await expect(functions["refreshSession"]?.()).rejects.toThrow(SessionUsageError);
    await expect(functions["refreshSession"]?.(new Request("http://shop.example/"), {})).rejects.toThrow(
      "export const proxy = (request: NextRequest) => refreshSession(request)",
    );
  });
});
