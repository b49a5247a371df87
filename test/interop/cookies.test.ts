import { createSojourn } from "sojourn";
import { cookieSessionStore } from "sojourn/stores/cookie";
import { ManualClock } from "sojourn/testing";
import { expect, test } from "vitest";

import { Browser, type Data } from "../support/session-harness.ts";
import { describeWithDjango, SECRET } from "./support/django-peer.ts";

const TWO_WEEKS = 14 * 86_400_000;

function openSite(options: { secretKey?: string; secretKeyFallbacks?: string[]; clock?: ManualClock } = {}) {
  const store = cookieSessionStore({ acceptsLostUpdates: true });
  return createSojourn<Data>({ projectName: "myproject", secretKey: SECRET, ...options, sessions: { store } })
    .sessions;
}

const valueOf = (browser: Browser): string => browser.cookie?.slice("sessionid=".length) ?? "";

describeWithDjango("Django's signed_cookies and Node with one cookie", (django) => {
  test("a session that Django signs is found, changed, and read back by Django, in turns", async () => {
    const sessions = openSite();
    const cookie = await django().call("cookieSave", { cookie: null, changes: [["cart", { tea: 1 }]] });
    const browser = new Browser(sessions, `sessionid=${cookie}`);
    await browser.request((session) => session.update((data) => (data["cart"] = { tea: 2 })));
    const members = await django().call("cookieLoad", { cookie: valueOf(browser) });
    expect(members?.[0]).toEqual(["cart", '{"tea":i2}']);

    const next = await django().call("cookieSave", {
      cookie: valueOf(browser),
      changes: [["message", "é😀"]],
    });
    browser.cookie = `sessionid=${next}`;
    expect(await browser.request((session) => ({ ...session.data }))).toEqual({
      cart: { tea: 2 },
      message: "é😀",
    });
  });

  test("what compresses is compressed by both, and read by both", async () => {
    const text = "tea ".repeat(500);
    const browser = new Browser(openSite());
    await browser.request((session) => (session.data["text"] = text));
    expect(valueOf(browser)).toMatch(/^\./);
    expect((await django().call("cookieLoad", { cookie: valueOf(browser) }))?.[0]).toEqual([
      "text",
      `"${text}"`,
    ]);
    browser.cookie = `sessionid=${await django().call("cookieSave", { cookie: null, changes: [["text", text]] })}`;
    expect(valueOf(browser)).toMatch(/^\./);
    expect(await browser.request((session) => session.data["text"])).toBe(text);
  });

  test("both refuse one that is older than SESSION_COOKIE_AGE, and take a younger one", async () => {
    for (const [age, isLive] of [
      [TWO_WEEKS - 60_000, true],
      [TWO_WEEKS + 60_000, false],
    ] as const) {
      const browser = new Browser(openSite({ clock: new ManualClock(Date.now() - age) }));
      await browser.request((session) => (session.data["a"] = 1));
      expect((await django().call("cookieLoad", { cookie: valueOf(browser) })) !== null).toBe(isLive);
      expect((await openSite().open(browser.cookie)).isNew).toBe(!isLive);
    }
  });

  test("a secret of before still reads at both", async () => {
    const old = new Browser(openSite());
    await old.request((session) => (session.data["a"] = 1));
    const secrets = { secret: "the new secret of the tests, as long", fallbacks: [SECRET] };
    expect((await django().call("cookieLoad", { cookie: valueOf(old), ...secrets }))?.[0]).toEqual([
      "a",
      "i1",
    ]);
    expect(await django().call("cookieLoad", { cookie: valueOf(old), ...secrets, fallbacks: [] })).toBeNull();
    const changes = [["a", 2]] as const;
    const djangos = await django().call("cookieSave", { cookie: null, changes });
    const rotated = openSite({
      secretKey: "the new secret of the tests, as long",
      secretKeyFallbacks: [SECRET],
    });
    expect((await rotated.open(`sessionid=${djangos}`)).data["a"]).toBe(2);
    expect(
      (await openSite({ secretKey: "the new secret of the tests, as long" }).open(`sessionid=${djangos}`))
        .isNew,
    ).toBe(true);
  });
});
