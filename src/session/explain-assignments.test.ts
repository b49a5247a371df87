import { runInThisContext } from "node:vm";
import { createSojourn, type Session, SessionUsageError } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import { describe, expect, test } from "vitest";

async function makeSession(): Promise<Session<Record<string, unknown>>> {
  const { sessions } = createSojourn<Record<string, unknown>>({
    projectName: "shop",
    secretKey: "a secret of the tests, long enough",
    sessions: { store: memorySessionStore() },
  });
  return sessions.create({ views: 1 });
}

// As in a sloppy-mode script, where a failed assignment throws nothing.
const assign = runInThisContext("(object, name, value) => { object[name] = value; }") as (
  object: object,
  name: string | symbol,
  value: unknown,
) => void;

describe("an assignment to a session instead of its data is refused with advice, in scripts of any kind", () => {
  test.each([
    ["cart", /session\.cart would not be saved.*session\.data\.cart/],
    ["_theirs", /session\.data\._theirs/],
    ["passport", /session\.data\.passport/],
    ["cookie", /setExpiry/],
    ["userId", /session\.login/],
    ["isNew", /can only be read/],
    ["data", /cannot be replaced/],
  ])("session.%s", async (name, message) => {
    const session = await makeSession();
    expect(() => assign(session, name, 1)).toThrow(SessionUsageError);
    expect(() => assign(session, name, 1)).toThrow(message);
    expect(session.data).toStrictEqual({ views: 1 });
  });

  test("symbols, which are not mistaken for data, may be set, and methods replaced, as spies do", async () => {
    const session = await makeSession();
    const mark = Symbol("theirs");
    assign(session, mark, 1);
    expect((session as unknown as Record<symbol, unknown>)[mark]).toBe(1);
    const save = (): Promise<void> => Promise.resolve();
    assign(session, "save", save);
    expect(session.save).toBe(save);
  });

  test("a session looks like an ordinary object to inspection", async () => {
    const session = await makeSession();
    expect(session instanceof Object).toBe(true);
    expect("cart" in session).toBe(false);
    expect((session as unknown as Record<string, unknown>)["cart"]).toBeUndefined();
    expect(Object.keys(session)).toStrictEqual([]);
  });
});
