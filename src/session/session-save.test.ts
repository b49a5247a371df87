import { describe, expect, test } from "vitest";
import { Browser, openHarness, twoViews } from "../../test/support/session-harness.ts";

describe("save", () => {
  test("writes at once, and the end of the request writes only later changes", async () => {
    const { sessions, calls } = openHarness();
    const browser = new Browser(sessions);
    await browser.request(async (session) => {
      session.data["a"] = 1;
      await session.save();
      expect(calls.splice(0)).toStrictEqual(["create"]);
    });
    expect(calls).toStrictEqual([]);
  });

  test("keeps references valid, and includes changes of others", async () => {
    const { sessions } = openHarness();
    const [mine, other] = await twoViews(sessions, { cart: { items: [1] } });
    const { cart } = mine.data;
    other.data["cart"].note = "theirs";
    await other.save();
    cart.items.push(2);
    await mine.save();
    expect(cart).toStrictEqual({ items: [1, 2], note: "theirs" });
    cart.items.push(3);
    await mine.save();
    expect((await sessions.open(mine.cookieHeader)).data["cart"]).toStrictEqual({
      items: [1, 2, 3],
      note: "theirs",
    });
  });
});
