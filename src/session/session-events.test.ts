import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, onTestFinished, test } from "vitest";
import { anyDeadline, Browser, openHarness } from "../../test/support/session-harness.ts";
import type { SessionEvents } from "./session-events.ts";

const NAMES = [
  "created",
  "login",
  "flushed",
  "cycled",
  "revoked",
  "interrupted",
  "conflict",
  "rejected",
  "undecodable",
  "touchFailed",
] as const satisfies (keyof SessionEvents)[];

const NAME = expect.stringMatching(/^[0-9a-f]{16}$/) as string;

/** Events published on the channels until the test ends. */
function listen(): [string, unknown][] {
  const told: [string, unknown][] = [];
  for (const name of NAMES) {
    const listener = (event: unknown) => void told.push([name, event]);
    subscribe(`sojourn:session:${name}`, listener);
    onTestFinished(() => void unsubscribe(`sojourn:session:${name}`, listener));
  }
  return told;
}

describe.each([{}, { hashKeys: true }])("with the settings %o", (settings) => {
  test("the events of a session are published on node:diagnostics_channel, without any key", async () => {
    const { sessions, keys, clock, store } = openHarness({
      absoluteTimeout: "1h",
      renewEvery: "10m",
      ...settings,
    });
    const told = listen();
    const browser = new Browser(sessions);
    const seen = new Set<string>();
    /** Records the keys in the store and in the cookie. */
    const remember = async () => {
      for (const key of [...(await keys()), browser.cookie?.split("=")[1] ?? ""])
        if (key !== "") seen.add(key);
    };
    const step = async (handler: Parameters<Browser["request"]>[0]) => {
      await browser.request(handler);
      await remember();
    };

    await step((session) => (session.data["a"] = 1));
    await step((session) => session.login(7));
    await step((session) => session.cycleKey());
    clock.advance(600_000);
    await step((session) => expect(session.userId).toBe("7"));
    const renewed = browser.cookie;
    const slow = browser.begin();
    (await slow.session()).data["b"] = 1;
    await step((session) => session.logout());
    await expect(slow.finish()).rejects.toThrow("The session was ended");
    await sessions.open("sessionid=x");
    await sessions.open(renewed);
    for (let count = 0; count < 2; count++) {
      await step((session) => session.login(7));
      const ref = await browser.request((session) => session.ref ?? "");
      if (count === 0) await sessions.revokeUser(7);
      else await sessions.revoke(7, ref);
    }
    await step((session) => session.login(7));
    // The store still has the record, as when absoluteTimeout was shortened.
    const [at = ""] = await keys();
    const text = (await store.read(at, anyDeadline())) ?? "";
    await store.delete(at, anyDeadline());
    await store.create(at, text, 86_400_000, anyDeadline());
    clock.advance(3_600_000);
    await sessions.open(browser.cookie);

    expect(told).toStrictEqual([
      ["created", { session: NAME }],
      ["login", { session: NAME, userId: "7", previous: NAME }],
      ["cycled", { session: NAME, previous: NAME }],
      ["cycled", { session: NAME, previous: NAME }],
      ["flushed", { session: NAME }],
      ["interrupted", { session: NAME }],
      ["rejected", { reason: "malformed" }],
      ["rejected", { reason: "moved", session: NAME }],
      ["login", { session: NAME, userId: "7" }],
      ["revoked", { userId: "7", count: 1, sessions: [NAME] }],
      ["rejected", { reason: "unknown", session: NAME }],
      ["login", { session: NAME, userId: "7" }],
      ["revoked", { userId: "7", count: 1, sessions: [NAME] }],
      ["rejected", { reason: "unknown", session: NAME }],
      ["login", { session: NAME, userId: "7" }],
      ["rejected", { reason: "expired", session: NAME }],
    ]);
    const names = told.map(([, event]) => event as { session: string; previous: string; sessions: string[] });
    expect(names[1]?.previous).toBe(names[0]?.session);
    expect(names[2]?.previous).toBe(names[1]?.session);
    expect(names[3]?.previous).toBe(names[2]?.session);
    for (const index of [4, 5, 7]) expect(names[index]?.session).toBe(names[3]?.session);
    expect(names[9]?.sessions).toStrictEqual([names[8]?.session]);
    expect(names[10]?.session).toBe(names[8]?.session);
    expect(names[12]?.sessions).toStrictEqual([names[11]?.session]);
    expect(names[15]?.session).toBe(names[14]?.session);
    expect(seen.size).toBe("hashKeys" in settings ? 14 : 7);
    for (const key of seen) expect(JSON.stringify(told)).not.toContain(key);
  });
});

test("a listener that throws does not affect the request", async () => {
  const { sessions } = openHarness();
  const uncaught: unknown[] = [];
  const original = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => uncaught.push(error));
  onTestFinished(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of original) process.on("uncaughtException", listener);
  });
  const stop = sessions.on("created", () => {
    throw new Error("a listener's own");
  });
  const browser = new Browser(sessions);
  await browser.request((session) => (session.data["a"] = 1));
  expect(await browser.request((session) => session.data["a"])).toBe(1);
  await new Promise(setImmediate);
  expect(uncaught).toMatchObject([{ message: "a listener's own" }]);
  stop();
  await new Browser(sessions).request((session) => (session.data["a"] = 1));
  await new Promise(setImmediate);
  expect(uncaught).toHaveLength(1);
});
