import { describe, expect, test } from "vitest";
import { type Data, openHarness } from "../../../test/support/session-harness.ts";
import { SessionUsageError } from "../../core/errors.ts";
import type { Session } from "../../session/session.ts";
import { readonlySession } from "./readonly-session.ts";

async function open(): Promise<{ session: Session<Data>; view: Session<Data> }> {
  const { sessions } = openHarness();
  const session = await sessions.create({ cart: ["pear"], visitor: { name: "Ada" } });
  // A component in JavaScript sees no types.
  return { session, view: readonlySession(session) as unknown as Session<Data> };
}

/** Changes, and what the error has to name. */
const CHANGES: readonly (readonly [named: string, change: (session: Session<Data>) => unknown])[] = [
  ["session.data.n was assigned to", ({ data }) => (data["n"] = 1)],
  ["session.data.cart was deleted", ({ data }) => delete data["cart"]],
  ["session.data.cart.1 was", ({ data }) => data["cart"].push("plum")],
  ["session.data.visitor.name was assigned to", ({ data }) => (data["visitor"].name = "Bob")],
  ["session.data.n was defined", ({ data }) => Object.defineProperty(data, "n", { value: 1 })],
  ["session.data was assigned to", (session) => (session.data = {} as never)],
  ["session.login() was called", (session) => session.login(7)],
  ["session.logout() was called", (session) => session.logout()],
  ["session.update() was called", (session) => session.update((data) => (data["n"] = 1))],
  ["session.save() was called", (session) => session.save()],
  ["session.cycleKey() was called", (session) => session.cycleKey()],
  ["session.flash() was called", (session) => session.flash("info", "hello")],
  ["session.takeFlash() was called", (session) => session.takeFlash()],
  ["session.setExpiry() was called", (session) => session.setExpiry("1h")],
];

describe("a session for reading", () => {
  test("shows all that the session has", async () => {
    const { session, view } = await open();
    expect({ ...view.data }).toEqual({ cart: ["pear"], visitor: { name: "Ada" } });
    expect(view.data["cart"].map((each: string) => each.toUpperCase())).toEqual(["PEAR"]);
    expect(JSON.stringify(view.data)).toBe('{"cart":["pear"],"visitor":{"name":"Ada"}}');
    expect([view.userId, view.isNew, view.isEmpty, view.ref]).toEqual([undefined, true, false, session.ref]);
    expect(view.isFresh("1h")).toBe(false);
    expect(await view.isAlive()).toBe(true);
  });

  test.each(CHANGES)("%s: an error names it, and tells where to change it", async (named, change) => {
    const { session, view } = await open();
    const attempt = async (): Promise<unknown> => change(view);
    await expect(attempt()).rejects.toThrow(SessionUsageError);
    await expect(attempt()).rejects.toThrow(named);
    await expect(attempt()).rejects.toThrow("server action (sessionAction) or a route handler (withSession)");
    expect(session.hasChanges).toBe(false);
  });
});
