import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { expect, onTestFinished, test } from "vitest";
import { Browser, openHarness } from "../../test/support/session-harness.ts";
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

test("the life of a session is told on node:diagnostics_channel, and no key with it", async () => {
  const { sessions, keys } = openHarness();
  const told: [string, unknown][] = [];
  for (const name of NAMES) {
    const listener = (event: unknown) => void told.push([name, event]);
    subscribe(`sojourn:session:${name}`, listener);
    onTestFinished(() => void unsubscribe(`sojourn:session:${name}`, listener));
  }
  const browser = new Browser(sessions);
  const seen = new Set<string>();
  const remember = async () => {
    for (const key of await keys()) seen.add(key);
  };

  await browser.request((session) => (session.data["a"] = 1));
  await remember();
  await browser.request((session) => session.login(7));
  await remember();
  await browser.request((session) => session.cycleKey());
  await remember();
  const slow = browser.begin();
  (await slow.session()).data["b"] = 1;
  await browser.request((session) => session.logout());
  await expect(slow.finish()).rejects.toThrow("The session was ended");
  await sessions.open("sessionid=x");
  await browser.request((session) => session.login(7));
  await remember();
  await sessions.revokeUser(7);

  expect(told).toStrictEqual([
    ["created", { session: NAME }],
    ["login", { session: NAME, userId: "7" }],
    ["cycled", { session: NAME, previous: NAME }],
    ["flushed", { session: NAME }],
    ["interrupted", { session: NAME }],
    ["rejected", { reason: "malformed" }],
    ["login", { session: NAME, userId: "7" }],
    ["revoked", { userId: "7", count: 1 }],
  ]);
  const login = told[1]?.[1] as { session: string };
  const cycled = told[2]?.[1] as { previous: string; session: string };
  expect(cycled.previous).toBe(login.session);
  expect(told[3]?.[1]).toStrictEqual({ session: cycled.session });
  expect(seen.size).toBe(4);
  for (const key of seen) expect(JSON.stringify(told)).not.toContain(key);
});

test("a listener that throws does not disturb the request", async () => {
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
