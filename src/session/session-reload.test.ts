import { describe, expect, test } from "vitest";
import { Browser, openHarness, openTwo } from "../../test/support/session-harness.ts";
import { NotJsonError } from "../core/errors.ts";

describe("session.reload()", () => {
  test("shows what other requests have written since, in the same objects, for one read", async () => {
    const { mine, theirs, calls } = await openTwo({ cart: { items: [1] }, page: 1, gone: true });
    const { data } = mine;
    const { cart } = data;
    theirs.data["cart"].note = "theirs";
    theirs.data["page"] = 2;
    delete theirs.data["gone"];
    await theirs.save();
    calls.splice(0);
    expect(await mine.reload()).toBe(true);
    expect(calls).toStrictEqual(["read"]);
    expect(mine.data).toBe(data);
    expect(mine.data["cart"]).toBe(cart);
    expect(data).toStrictEqual({ cart: { items: [1], note: "theirs" }, page: 2 });
  });

  test("keeps unsaved changes and merges them; a later save writes them on top", async () => {
    const { mine, theirs, open } = await openTwo({ cart: { a: 1 } });
    mine.data["cart"].mine = 1;
    theirs.data["cart"].theirs = 1;
    await theirs.save();
    await mine.reload();
    expect(mine.data["cart"]).toStrictEqual({ a: 1, theirs: 1, mine: 1 });
    expect((await open()).data["cart"]).toStrictEqual({ a: 1, theirs: 1 });
    await mine.save();
    expect((await open()).data["cart"]).toStrictEqual({ a: 1, theirs: 1, mine: 1 });
  });

  test("reports a part that both sides changed, where mine stays", async () => {
    const { mine, theirs, events } = await openTwo({ page: 0 });
    mine.data["page"] = 1;
    theirs.data["page"] = 2;
    await theirs.save();
    await mine.reload();
    expect(mine.data["page"]).toBe(1);
    expect(events).toStrictEqual([{ name: "conflict", event: { path: ["page"] } }]);
  });

  test("a change that is not JSON is refused, and nothing changes", async () => {
    const { mine, theirs } = await openTwo({ page: 0 });
    mine.data["when"] = new Date();
    theirs.data["page"] = 2;
    await theirs.save();
    await expect(mine.reload()).rejects.toBeInstanceOf(NotJsonError);
    expect(mine.data["page"]).toBe(0);
  });

  test.each(["logout", "cycleKey", "login"] as const)(
    "is false after %s, and changes nothing",
    async (end) => {
      const { sessions } = openHarness();
      const browser = new Browser(sessions);
      await browser.request((session) => session.login(7));
      const socket = await sessions.open(browser.cookie);
      socket.data["draft"] = 1;
      await browser.request((session) => (end === "login" ? session.login(8) : session[end]()));
      expect(await socket.reload()).toBe(false);
      expect(socket.data).toMatchObject({ draft: 1, _auth_user_id: "7" });
    },
  );

  test("is false for a session that is not stored", async () => {
    const { sessions, calls } = openHarness();
    const socket = await sessions.open(undefined);
    socket.data["draft"] = 1;
    expect(await socket.reload()).toBe(false);
    expect(calls).toStrictEqual([]);
  });

  test("follows a renewed key; in a request, the browser gets it", async () => {
    const { sessions, clock } = openHarness({ renewEvery: "1h" });
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(7));
    const slow = new Browser(sessions, browser.cookie).begin();
    const session = await slow.session();
    clock.advance(3_700_000);
    await browser.request((other) => void (other.data["page"] = 1));
    expect(await session.reload()).toBe(true);
    expect(session.data["page"]).toBe(1);
    await slow.finish();
    expect(slow.setCookie.map((header) => header.split(";")[0])).toStrictEqual([browser.cookie]);
  });
});
