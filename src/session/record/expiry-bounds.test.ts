import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyDeadline, Browser, type Harness, openHarness } from "../../../test/support/session-harness.ts";
import { scaled, seed } from "../../../test/support/scale.ts";
import { ImproperlyConfigured, SessionUsageError } from "../../core/errors.ts";
import { createSojourn } from "../../create-sojourn.ts";
import { cookieSessionStore } from "../../stores/cookie/index.ts";
import { memorySessionStore } from "../../stores/memory/index.ts";
import type { SessionSettings } from "../session-settings.ts";
import type { Expiry } from "./timeouts.ts";

const KEY = "k".repeat(32);
const DAY = 86_400_000;
const IDLE = 14 * DAY;
const LAST = Date.parse("9999-12-31T23:59:59.999Z");
const MAX_MAX_AGE = 400 * 86_400;

/** An instant that Python's `datetime.fromisoformat` reads: in the years 1 to 9999. */
const PYTHON_INSTANT = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/;

const anyNumber = fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer(), fc.double({ noInteger: true }));
const anyUnit = fc.constantFrom("ms", "s", " seconds", "m", "h", "d", "w", "y", " years");
const anyText = fc.oneof(
  fc.string(),
  fc.tuple(anyNumber, anyUnit).map(([number, unit]) => `${number}${unit}`),
  fc.tuple(fc.integer(), anyUnit).map(([number, unit]) => `${number}${unit}`),
  fc.date({ noInvalidDate: false }).map(String),
);
const anyDate = fc.date({ noInvalidDate: false });

/** Effect of a response on the cookie of a session, as browsers read it. */
function checkSetCookie(lines: readonly string[]): void {
  for (const line of lines) {
    const [, maxAge] = /; Max-Age=([^;]*)/.exec(line) ?? [];
    const [, expires] = /; Expires=([^;]*)/.exec(line) ?? [];
    expect(maxAge === undefined, line).toBe(expires === undefined);
    if (maxAge === undefined || expires === undefined) continue;
    expect(maxAge).toMatch(/^\d+$/);
    expect(Number(maxAge)).toBeLessThanOrEqual(MAX_MAX_AGE);
    expect(Date.parse(expires)).toBeGreaterThanOrEqual(0);
  }
}

/** Returns whether Python can add the seconds to the time, or read the text. */
function isReadByPython(member: unknown, now: number): boolean {
  if (member === undefined) return true;
  if (typeof member === "string") return PYTHON_INSTANT.test(member);
  const end = new Date(now + Number(member) * 1000);
  return (
    Number.isInteger(member) &&
    !Number.isNaN(end.getTime()) &&
    end.getUTCFullYear() >= 1 &&
    end.getTime() <= LAST
  );
}

async function checkVisit(harness: Harness, act: (session: { setExpiry(expiry: Expiry): void }) => void) {
  const browser = new Browser(harness.sessions);
  const request = browser.begin();
  const session = await request.session();
  session.data["a"] = 1;
  act(session);
  expect(Number.isNaN(session.expiryDate.getTime())).toBe(false);
  expect(isReadByPython(session.data["_session_expiry"], harness.clock.now())).toBe(true);
  await request.finish();
  checkSetCookie(request.setCookie);
  const next = browser.begin();
  await next.session();
  await next.finish();
  checkSetCookie(next.setCookie);
}

describe("session.setExpiry", () => {
  test("any number, text or date is refused, or gives a record that Django reads and a cookie that browsers accept", async () => {
    const harness = openHarness();
    await fc.assert(
      fc.asyncProperty(fc.oneof(anyNumber, anyText, anyDate), async (expiry) => {
        await checkVisit(harness, (session) => {
          try {
            session.setExpiry(expiry as Expiry);
          } catch (error) {
            if (!(error instanceof SessionUsageError)) throw error;
          }
        });
      }),
      { seed, numRuns: scaled(500, 20_000) },
    );
  });

  const now = Date.UTC(2026, 0, 1);
  const lastSeconds = Math.floor((Date.parse("9899-12-31T23:59:59Z") - now) / 1000);
  const firstSeconds = Math.ceil((Date.parse("0001-01-01T00:00:00Z") - now) / 1000);

  test.each<[string, Expiry]>([
    ["the last seconds", lastSeconds],
    ["the first seconds", firstSeconds],
    ["7000 years", "7000y"],
    ["the last date", new Date(LAST)],
    ["the first date", new Date("0001-01-01T00:00:00Z")],
    ["minus zero", -0],
  ])("takes %s", async (_name, expiry) => {
    const harness = openHarness();
    expect(harness.clock.now()).toBe(now);
    await checkVisit(harness, (session) => session.setExpiry(expiry));
  });

  test.each<[string, unknown, string]>([
    ["seconds beyond the last", lastSeconds + 1, `got ${lastSeconds + 1} (number)`],
    ["seconds before the first", firstSeconds - 1, `got ${firstSeconds - 1} (number)`],
    ["9e12 seconds", 9e12, "got 9000000000000 (number)"],
    ["the largest integer", Number.MAX_SAFE_INTEGER, "years 1 to 9899, which Django can read"],
    ["10000 years", "10000y", 'got "10000y" (string)'],
    ["-2100 years", "-2100y", "years 1 to 9999, which Django can read"],
    ["the last date of JavaScript", new Date(8.64e15), "got a Date of +275760-09-13T00:00:00.000Z"],
    ["the year 10000", new Date(LAST + 1), "got a Date of +010000-01-01T00:00:00.000Z"],
    ["the year 0", new Date("0000-12-31T23:59:59.999Z"), "got a Date of 0000-12-31"],
    ["no whole seconds", 1.5, "whole seconds, text such as"],
    ["1e308", 1e308, "got 1e+308 (number)"],
    ["an endless time", Number.POSITIVE_INFINITY, "got Infinity (number)"],
    ["an invalid date", new Date(Number.NaN), "got an invalid Date"],
    ["a bigint", 5n, "got 5 (bigint)"],
  ])("refuses %s, and names the given value", async (_name, expiry, message) => {
    const { sessions } = openHarness();
    const session = await sessions.create();
    expect(() => session.setExpiry(expiry as Expiry)).toThrow(SessionUsageError);
    expect(() => session.setExpiry(expiry as Expiry)).toThrow(message);
    expect(session.data).not.toHaveProperty("_session_expiry");
  });
});

describe("an expiry already in a record", () => {
  async function openWith(text: string) {
    const harness = openHarness({ format: "json" });
    const again = async (next: string) => {
      const record = `{"_sojourn":{"nonce":"0123456789abcdef"},"_session_expiry":${next}}`;
      await harness.store.delete(KEY, anyDeadline());
      await harness.store.create(KEY, record, 20 * DAY, anyDeadline());
      return new Browser(harness.sessions, `sessionid=${KEY}`);
    };
    return { harness, again, browser: await again(text) };
  }

  test.each([
    ["9e12", LAST],
    ["9007199254740993", LAST],
    ["1e308", LAST],
    [`1${"0".repeat(400)}`, LAST],
    ['"10000-01-01T00:00:00.000000+00:00"', LAST],
    ['"+010000-01-01T00:00:00.000000+00:00"', LAST],
    ['"+275760-09-13T00:00:00.000000+00:00"', LAST],
    ["1.5", "now + 1500"],
    ["NaN", "idle"],
    ["Infinity", "idle"],
    ["-0.0", "idle"],
    ["false", "idle"],
    ["{}", "idle"],
    ['"1"', "idle"],
    ['"Jan 1 2030"', "idle"],
    ['"2030-01-01 00:00:00+00:00"', Date.UTC(2030, 0, 1)],
    ['"2030-01-01T00:00:00.000000+05:30"', Date.UTC(2029, 11, 31, 18, 30)],
  ])("%s: the session lives, and ends at %s", async (text, end) => {
    const { harness, browser } = await openWith(text);
    const request = browser.begin();
    const session = await request.session();
    const now = harness.clock.now();
    const expected = end === "idle" ? now + IDLE : end === "now + 1500" ? now + 1500 : end;
    expect(session.isNew).toBe(false);
    expect(session.expiryDate.getTime()).toBe(expected);
    session.data["a"] = 1;
    await request.finish();
    checkSetCookie(request.setCookie);
    expect(await browser.request((next) => next.data["a"])).toBe(1);
  });

  test.each(["-1", "-9e12", "-1e308", `-1${"0".repeat(400)}`, '"0001-01-01T00:00:00+00:00"', '"0000-01-01"'])(
    "%s: the session has ended",
    async (text) => {
      const { browser } = await openWith(text);
      expect(await browser.request((session) => session.isNew)).toBe(true);
    },
  );

  test("any JSON value: reading and writing never throw, and browsers accept the cookie", async () => {
    const opened = await openWith("1");
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.jsonValue(), anyNumber, anyText), async (value) => {
        const browser = await opened.again(Number.isNaN(value) ? "NaN" : JSON.stringify(value));
        const request = browser.begin();
        const session = await request.session();
        expect(Number.isNaN(session.expiryDate.getTime())).toBe(false);
        session.data["a"] = 1;
        await request.finish();
        checkSetCookie(request.setCookie);
      }),
      { seed, numRuns: scaled(500, 20_000) },
    );
  });
});

describe("an expiry that the application itself puts into the data, on an engine", () => {
  test.each([
    ["that keeps records", memorySessionStore()],
    ["of cookies", cookieSessionStore({ acceptsLostUpdates: true })],
  ])("%s: the response is sent, and the next visit finds the session", async (_name, store) => {
    for (const expiry of [9e12, Number.MAX_VALUE, "+275760-09-13T00:00:00.000000+00:00", "soon", [1], true]) {
      const { sessions } = createSojourn({
        projectName: "test",
        secretKey: "a secret of the tests, long enough",
        sessions: { store },
      });
      const browser = new Browser(sessions);
      const request = browser.begin();
      Object.assign((await request.session()).data, { a: 1, _session_expiry: expiry });
      await request.finish();
      expect(request.setCookie).toHaveLength(1);
      checkSetCookie(request.setCookie);
      expect(await browser.request((session) => session.data["a"])).toBe(1);
    }
  });
});

describe("duration settings", () => {
  const names = ["cookie.age", "absoluteTimeout", "touchEvery", "renewEvery", "deadline"] as const;

  function settingsOf(name: (typeof names)[number], value: never): SessionSettings {
    return name === "cookie.age" ? { cookie: { age: value } } : { [name]: value };
  }

  test("any number or text is refused at start, or works", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.oneof(anyNumber, anyText), async (name, value) => {
        let harness: Harness;
        try {
          harness = openHarness(settingsOf(name, value as never));
        } catch (error) {
          if (!(error instanceof ImproperlyConfigured)) throw error;
          return;
        }
        await checkVisit(harness, () => {});
      }),
      { seed, numRuns: scaled(100, 2000) },
    );
  });

  test.each(names.slice(1))("sessions.%s is at most 1000 years", async (name) => {
    await checkVisit(openHarness(settingsOf(name, "1000y" as never)), () => {});
    for (const value of ["1001y", 4e10, Number.MAX_SAFE_INTEGER, 9e12]) {
      expect(() => openHarness(settingsOf(name, value as never))).toThrow(ImproperlyConfigured);
      expect(() => openHarness(settingsOf(name, value as never))).toThrow(
        new RegExp(`sessions.${name}: .*1000y`),
      );
    }
  });
});

describe("the cookie", () => {
  test("has a Max-Age of at most 400 days, since browsers keep none for longer; the session continues", async () => {
    const { sessions, clock } = openHarness();
    const browser = new Browser(sessions);
    const request = browser.begin();
    (await request.session()).setExpiry((10 * 365 * DAY) / 1000);
    await request.finish();
    expect(request.setCookie[0]).toContain("; Max-Age=34560000; ");
    expect(request.setCookie[0]).toContain("; Expires=Fri, 05 Feb 2027 00:00:00 GMT; ");
    clock.advance(399 * DAY);
    const touched = browser.begin();
    await touched.session();
    await touched.finish();
    expect(touched.setCookie[0]).toContain("; Max-Age=34560000; ");
    clock.advance(9 * 365 * DAY);
    expect(await browser.request((session) => session.isNew)).toBe(false);
  });
});

test("sessions.restore refuses an endless time to live, and caps a longer one at 1000 years", async () => {
  const { sessions, clock } = openHarness();
  await expect(sessions.restore(KEY, "{}", Number.POSITIVE_INFINITY)).rejects.toBeInstanceOf(
    SessionUsageError,
  );
  await expect(sessions.restore(KEY, "{}", "1" as never)).rejects.toBeInstanceOf(SessionUsageError);
  expect(await sessions.restore(KEY, '{"_auth_user_id":"7"}', Number.MAX_SAFE_INTEGER)).toBe(true);
  clock.advance(DAY);
  expect(await sessions.revokeUser(7)).toBe(1);
});
