import { describe, expect, test } from "vitest";
import { anyDeadline, Browser, openHarness } from "../../test/support/session-harness.ts";
import { newSessionKey } from "../core/ids.ts";

const OPEN = { hashKeys: true, encrypt: true } as const;

describe("session keys", () => {
  test("10 000 of them: 32 characters of [a-z0-9], no two alike, no character preferred", () => {
    const keys = Array.from({ length: 10_000 }, newSessionKey);
    expect(new Set(keys).size).toBe(10_000);
    const counts = new Map<string, number>();
    for (const key of keys) {
      expect(key).toMatch(/^[a-z0-9]{32}$/);
      for (const character of key) counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    const expected = (10_000 * 32) / 36;
    const chiSquare = [...counts.values()].reduce(
      (sum, count) => sum + (count - expected) ** 2 / expected,
      0,
    );
    // 35 degrees of freedom: 1 in 10 million random runs is above 98.
    expect(chiSquare).toBeLessThan(98);
  });
});

describe("a store read by others, with hashKeys and encrypt", () => {
  test("holds no cookie value and no payload", async () => {
    const { sessions, store, keys } = openHarness(OPEN);
    const browser = new Browser(sessions);
    await browser.request(async (session) => {
      session.data["secret"] = "hunter2";
      await session.login("ada@example.com");
    });
    const [key = ""] = await keys();
    const record = (await store.read(key, anyDeadline())) ?? "";
    expect(browser.cookie).not.toContain(key);
    expect(Buffer.from(record, "base64url").toString("latin1") + record).not.toMatch(/hunter2|ada@example/);
    // A value read from the store is no cookie.
    expect((await sessions.open(`sessionid=${key}`)).isNew).toBe(true);
    expect(await browser.request((session) => session.data["secret"])).toBe("hunter2");
  });

  test("two records that swap places do not decrypt", async () => {
    const { sessions, store, keys, events } = openHarness(OPEN);
    const browsers = [new Browser(sessions), new Browser(sessions)] as const;
    for (const browser of browsers) await browser.request((session) => (session.data["a"] = 1));
    const [first = "", second = ""] = await keys();
    const records = [await store.read(first, anyDeadline()), await store.read(second, anyDeadline())];
    for (const key of [first, second]) await store.delete(key, anyDeadline());
    await store.create(first, records[1] ?? "", 60_000, anyDeadline());
    await store.create(second, records[0] ?? "", 60_000, anyDeadline());
    for (const browser of browsers) expect(await browser.request((session) => session.isNew)).toBe(true);
    expect(events.map(({ event }) => event)).toStrictEqual([
      { reason: "bad-signature" },
      { reason: "bad-signature" },
    ]);
  });

  test.each([OPEN, { encrypt: true }, { hashKeys: true }, { format: "json", ...OPEN }] as const)(
    "everything else works as usual: %o",
    async (settings) => {
      const { sessions } = openHarness(settings);
      const browser = new Browser(sessions);
      await browser.request((session) => (session.data["cart"] = { a: 1 }));
      const [one, two] = [browser.begin(), browser.begin()];
      (await one.session()).data["cart"].b = 2;
      (await two.session()).data["cart"].c = 3;
      await Promise.all([one.finish(), two.finish()]);
      await browser.request((session) => session.login(1));
      await browser.request((session) => session.cycleKey());
      expect(await browser.request((session) => session.data["cart"])).toStrictEqual({ a: 1, b: 2, c: 3 });
      expect(await sessions.revokeUser(1)).toBe(1);
      expect(await browser.request((session) => session.isNew)).toBe(true);
    },
  );
});

describe("rotation of the secret", () => {
  test.each([{}, { encrypt: true }, OPEN] as const)(
    "logs no visitor out, and rewrites the record: %o",
    async (settings) => {
      const old = openHarness({ ...settings, secretKey: "an old secret of the tests, as long" });
      const browser = new Browser(old.sessions);
      await browser.request((session) => session.login(1));
      const [key = ""] = await old.keys();
      const rotated = old.otherProcess({
        secretKey: "a new secret of the tests, as long",
        secretKeyFallbacks: ["an old secret of the tests, as long"],
      });
      const visitor = new Browser(rotated, browser.cookie);
      const before = await old.store.read(key, anyDeadline());
      expect(await visitor.request((session) => session.userId)).toBe("1");
      expect(await old.store.read(key, anyDeadline())).not.toBe(before);
      // The old secret may now be removed.
      const later = old.otherProcess({ secretKey: "a new secret of the tests, as long" });
      expect(await new Browser(later, visitor.cookie).request((session) => session.userId)).toBe("1");
      expect((await old.sessions.open(visitor.cookie)).isNew).toBe(true);
    },
  );
});

test("a rewrite under the new secret fails no request that only reads", async () => {
  const old = openHarness({ secretKey: "an old secret of the tests, as long" });
  const browser = new Browser(old.sessions);
  await browser.request((session) => session.login(1));
  const rotated = old.otherProcess({
    secretKey: "a new secret of the tests, as long",
    secretKeyFallbacks: ["an old secret of the tests, as long"],
  });
  const reader = new Browser(rotated, browser.cookie).begin();
  expect((await reader.session()).userId).toBe("1");
  await browser.request((session) => session.logout());
  await reader.finish();
  expect(await old.keys()).toStrictEqual([]);
});

test.each(["a rewrite under the new secret", "a renewed key"])(
  "%s that other requests prevent until the deadline fails no request that only reads",
  async (what) => {
    const harness = openHarness({
      secretKey: "an old secret of the tests, as long",
      ...(what === "a renewed key" && { renewEvery: "1h" }),
    });
    const { store, clock, events } = harness;
    const first = new Browser(harness.sessions);
    await first.request((session) => session.login(1));
    const secrets = {
      secretKey: "a new secret of the tests, as long",
      secretKeyFallbacks: ["an old secret of the tests, as long"],
    };
    const sessions = what === "a renewed key" ? harness.sessions : harness.otherProcess(secrets);
    const failures: unknown[] = [];
    sessions.on("touchFailed", ({ error }) => failures.push(error));
    clock.advance(2 * 3_600_000);
    const meetOthers = async (key: string) => {
      clock.advance(2000);
      return { status: "conflict" as const, record: (await store.read(key, anyDeadline())) ?? "" };
    };
    store.commit = meetOthers;
    store.deleteIfMatch = meetOthers;
    const browser = new Browser(sessions, first.cookie);
    await browser.request(({ userId }) => expect(userId).toBe("1"));
    expect(failures).toMatchObject([{ code: "ERR_SESSION_CONFLICT" }]);
    expect(events.map(({ name }) => name)).not.toContain("rejected");
  },
);

describe("renewEvery", () => {
  const HOUR = 3_600_000;

  test("gives a logged-in session a new key from time to time, and the old one is dead", async () => {
    const { sessions, clock, keys } = openHarness({ renewEvery: "4h" });
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    const cookies = new Set([browser.cookie]);
    for (let hour = 0; hour < 12; hour++) {
      clock.advance(HOUR);
      await browser.request((session) => expect(session.userId).toBe("1"));
      cookies.add(browser.cookie);
    }
    expect(cookies.size).toBe(4);
    expect(await keys()).toHaveLength(1);
    // A late request with a renewed key finds the session for a minute.
    clock.advance(60_000);
    for (const cookie of cookies) {
      expect((await sessions.open(cookie)).isAuthenticated).toBe(cookie === browser.cookie);
    }
  });

  test("saves the request's changes, and fails no parallel request that only reads", async () => {
    const { sessions, clock } = openHarness({ renewEvery: "4h" });
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    clock.advance(4 * HOUR);
    const [writer, reader] = [browser.begin(), browser.begin()];
    (await writer.session()).data["a"] = 1;
    expect((await reader.session()).userId).toBe("1");
    await writer.finish();
    await reader.finish();
    expect(reader.setCookie).toStrictEqual([]);
    expect(await browser.request((session) => session.data["a"])).toBe(1);
  });

  test("does not apply to anonymous visitors, and is off by default", async () => {
    for (const settings of [{ renewEvery: "4h" } as const, {}]) {
      const { sessions, clock } = openHarness(settings);
      const browser = new Browser(sessions);
      await browser.request((session) => (session.data["a"] = 1));
      if (settings.renewEvery === undefined) await browser.request((session) => session.login(1));
      const { cookie } = browser;
      clock.advance(5 * HOUR);
      await browser.request((session) => session.data["a"]);
      expect(browser.cookie).toBe(cookie);
    }
  });
});

describe("isFresh", () => {
  test("returns whether the login was recent", async () => {
    const { sessions, clock } = openHarness();
    const browser = new Browser(sessions);
    await browser.request(async (session) => {
      expect(session.isFresh("5m")).toBe(false);
      await session.login(1);
      expect(session.isFresh("5m")).toBe(true);
      expect(session.isFresh(0)).toBe(true);
    });
    clock.advance(300_000);
    expect(await browser.request((session) => session.isFresh("5m"))).toBe(true);
    clock.advance(1);
    await browser.request((session) => {
      expect(session.isFresh("5m")).toBe(false);
      expect(session.isFresh(301)).toBe(true);
      expect(() => session.isFresh("5" as never)).toThrow("session.isFresh() expected seconds or text");
    });
  });
});

describe("flash messages", () => {
  test("wait in order for the page that takes them, and are then gone", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => {
      session.flash("success", "Saved.");
      session.flash("error", "But not that.");
      session.flash("success", "And this.");
    });
    await browser.request((session) => {
      expect(session.takeFlash("error")).toStrictEqual([{ kind: "error", message: "But not that." }]);
    });
    await browser.request((session) => {
      expect(session.takeFlash()).toStrictEqual([
        { kind: "success", message: "Saved." },
        { kind: "success", message: "And this." },
      ]);
      expect(session.takeFlash()).toStrictEqual([]);
    });
    expect(await browser.request((session) => session.takeFlash())).toStrictEqual([]);
  });

  test("of parallel requests all arrive, even while others are taken", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.flash("info", "first"));
    const requests = Array.from({ length: 10 }, () => browser.begin());
    const opened = await Promise.all(requests.map((request) => request.session()));
    opened.forEach((session, index) => {
      if (index === 5) session.takeFlash();
      else session.flash("info", `message ${index}`);
    });
    await Promise.all(requests.map((request) => request.finish()));
    const messages = await browser.request((session) => session.takeFlash().map(({ message }) => message));
    expect(messages).toHaveLength(9);
    expect(messages).not.toContain("first");
  });

  test("leave nothing behind when the last is taken", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => {
      session.data["a"] = 1;
      session.flash("info", "one");
      session.flash("error", "two");
    });
    await browser.request((session) => void session.takeFlash("error"));
    expect(await browser.request((session) => Object.keys(session.data))).toStrictEqual(["a", "_flash"]);
    await browser.request((session) => {
      session.takeFlash("info");
      expect(session.data).toStrictEqual({ a: 1 });
    });
    expect((await sessions.open(browser.cookie)).data).toStrictEqual({ a: 1 });
  });

  test("that are added while the last is taken do not conflict, and wait", async () => {
    const { sessions, events } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.flash("info", "first"));
    const [taker, sayer, late] = [browser.begin(), browser.begin(), browser.begin()];
    const opened = await Promise.all([taker, sayer, late].map((request) => request.session()));
    expect(opened[0]?.takeFlash()).toHaveLength(1);
    opened[1]?.flash("info", "second");
    opened[2]?.flash("info", "third");
    for (const request of [sayer, taker, late]) await request.finish();
    expect(events).toStrictEqual([]);
    const messages = await browser.request((session) => session.takeFlash().map(({ message }) => message));
    expect(messages).toStrictEqual(["second", "third"]);
  });
});

test("the test cookie, as in Django", async () => {
  const { sessions } = openHarness();
  const browser = new Browser(sessions);
  await browser.request((session) => session.setTestCookie());
  await browser.request((session) => {
    expect(session.testCookieWorked()).toBe(true);
    expect(session.data["testcookie"]).toBe("worked");
    session.deleteTestCookie();
  });
  expect(await browser.request((session) => session.testCookieWorked())).toBe(false);
});
