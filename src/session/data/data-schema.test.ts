import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { Browser, openHarness } from "../../../test/support/session-harness.ts";

const schema = v.object({
  theme: v.optional(v.picklist(["light", "dark"]), "light"),
  n: v.optional(v.number(), 0),
});

/** A visitor with data from before the schema. */
async function visitorWith(data: Record<string, unknown>, settings: Parameters<typeof openHarness>[0]) {
  const harness = openHarness(settings);
  const session = await harness.withoutSchema().create(data);
  harness.calls.length = 0;
  return { ...harness, browser: new Browser(harness.sessions, session.cookieHeader) };
}

describe("schema", () => {
  test("defaults are seen but not stored, until their part is changed", async () => {
    const { sessions, calls, keys } = openHarness({ schema });
    const browser = new Browser(sessions);
    await browser.request((session) => {
      expect(session.data).toStrictEqual({ theme: "light", n: 0 });
      expect(session.isEmpty).toBe(true);
    });
    expect(calls).toStrictEqual([]);
    expect(await keys()).toStrictEqual([]);
    await browser.request((session) => (session.data["theme"] = "dark"));
    expect((await openRaw(sessions, browser)).data).toStrictEqual({ theme: "dark", n: 0 });
  });

  test("update sees defaults, even when it has to begin a session", async () => {
    const { sessions } = openHarness({ schema });
    const browser = new Browser(sessions);
    expect(await browser.request((session) => session.update((data) => ++data["n"]))).toBe(1);
    expect(await browser.request((session) => session.update((data) => ++data["n"]))).toBe(2);
  });

  test("reading valid data writes nothing", async () => {
    const { browser, calls } = await visitorWith({ theme: "dark", n: 1 }, { schema });
    await browser.request((session) => expect(session.data).toStrictEqual({ theme: "dark", n: 1 }));
    expect(calls).toStrictEqual(["read", "touch"]);
  });

  test("invalid data throws by default, with its path and without its value", async () => {
    const { browser, keys } = await visitorWith({ theme: "hunter2" }, { schema });
    const failure = await browser
      .begin()
      .session()
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "ERR_SESSION_SCHEMA", paths: ["data.theme"] });
    expect(String(failure)).not.toContain("hunter2");
    expect(await keys()).toHaveLength(1);
  });

  test('onInvalid: "reset" begins with empty data and keeps the login', async () => {
    const { browser, otherProcess } = await visitorWith(
      { theme: 1, other: 2 },
      { schema, onInvalid: "reset" },
    );
    await browser.request((session) => session.login(7));
    await browser.request((session) => {
      expect(session.data).toMatchObject({ theme: "light", n: 0 });
      expect(session.userId).toBe("7");
    });
    const raw = await otherProcess().open(browser.cookie);
    expect(Object.keys(raw.data)).not.toContain("other");
  });

  test('onInvalid: "keep" leaves the data unchanged', async () => {
    const { browser } = await visitorWith({ theme: 1 }, { schema, onInvalid: "keep" });
    expect(await browser.request((session) => ({ ...session.data }))).toStrictEqual({ theme: 1 });
  });

  test("onInvalid of one call lets a visitor log out with any data", async () => {
    const { sessions, browser, keys } = await visitorWith({ theme: 1 }, { schema });
    const request = requestOf(sessions, browser);
    await expect(sessions.from(request)).rejects.toMatchObject({ code: "ERR_SESSION_SCHEMA" });
    const session = await sessions.from(request, { onInvalid: "keep" });
    expect(session.data).toStrictEqual({ theme: 1 });
    await session.logout();
    expect(await keys()).toStrictEqual([]);
  });

  test("onInvalid of one call does not affect the next request", async () => {
    const { sessions, browser } = await visitorWith({ theme: 1 }, { schema, onInvalid: "keep" });
    await expect(sessions.from(requestOf(sessions, browser), { onInvalid: "throw" })).rejects.toMatchObject({
      code: "ERR_SESSION_SCHEMA",
    });
    expect((await sessions.from(requestOf(sessions, browser))).data).toStrictEqual({ theme: 1 });
    const reset = await sessions.from(requestOf(sessions, browser), { onInvalid: "reset" });
    expect(reset.data).toStrictEqual({ theme: "light", n: 0 });
  });

  test("a misspelt onInvalid resets nothing", async () => {
    const { sessions, browser, calls } = await visitorWith({ theme: 1 }, { schema });
    const load = sessions.from(requestOf(sessions, browser), { onInvalid: "Keep" as never });
    await expect(load).rejects.toThrow(
      'sessions.from() expected onInvalid "throw", "reset" or "keep", got a text.',
    );
    expect(calls).toStrictEqual([]);
  });

  test("keys of Django and of Sojourn are skipped", async () => {
    const { sessions } = openHarness({ schema: v.strictObject({ n: v.optional(v.number()) }) });
    const browser = new Browser(sessions);
    await browser.request(async (session) => {
      session.flash("info", "hello");
      session.setTestCookie();
      session.setExpiry(3600);
      await session.login(7);
    });
    await browser.request((session) => expect(session.takeFlash()).toHaveLength(1));
  });
});

describe("migrate", () => {
  const migrate = {
    1: ({ name, ...data }: Record<string, unknown>) => ({ ...data, names: [name] }),
    2: (data: Record<string, unknown>) => ({ ...data, count: (data["names"] as unknown[]).length }),
  };

  test("takes old data through every step, once, and saves it with the request", async () => {
    const { browser, calls } = await visitorWith({ name: "Ada", kept: 1 }, { version: 3, migrate });
    expect(await browser.request((session) => ({ ...session.data }))).toStrictEqual({
      kept: 1,
      names: ["Ada"],
      count: 1,
    });
    expect(calls).toStrictEqual(["read", "commit"]);
    calls.length = 0;
    expect(await browser.request((session) => ({ ...session.data }))).toStrictEqual({
      kept: 1,
      names: ["Ada"],
      count: 1,
    });
    expect(calls).toStrictEqual(["read"]);
  });

  test("leaves data of a newer application unchanged", async () => {
    const { sessions, withoutSchema } = openHarness({ version: 3, migrate });
    const session = await sessions.create({ names: ["Ada"] });
    const older = await withoutSchema().open(session.cookieHeader);
    older.data["seen"] = true;
    await older.save();
    expect((await sessions.open(session.cookieHeader)).data).toStrictEqual({ names: ["Ada"], seen: true });
  });

  test("its result has to match the schema", async () => {
    const { browser } = await visitorWith(
      { name: 1 },
      { version: 2, migrate, schema: v.object({ names: v.array(v.string()) }) },
    );
    await expect(browser.begin().session()).rejects.toMatchObject({ paths: ["data.names.0"] });
  });
});

/** A request that the test itself passes to `sessions.from`. */
function requestOf(
  sessions: ReturnType<typeof openHarness>["sessions"],
  { cookie: cookieHeader }: Browser,
): object {
  const request = {};
  sessions.scope(request, { cookieHeader, isSecure: () => true, host: () => "shop.example" });
  return request;
}

function openRaw(sessions: ReturnType<typeof openHarness>["sessions"], browser: Browser) {
  return sessions.open(browser.cookie);
}
