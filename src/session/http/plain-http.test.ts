import { describe, expect, test, vi } from "vitest";
import { openHarness } from "../../../test/support/session-harness.ts";
import { PlainHttp } from "./plain-http.ts";
import type { SessionSettings } from "../session-settings.ts";

const COOKIE = `sessionid=${"k".repeat(32)}`;

interface Came {
  readonly isSecure?: boolean;
  readonly host?: string | undefined;
  readonly cookieHeader?: string | undefined;
}

/** A request of a shop that refuses plain http, unless the settings say otherwise. */
function receive(came: Came, cookie: SessionSettings["cookie"] = { onInsecure: "refuse" }) {
  const harness = openHarness({ cookie });
  const { isSecure = false, host = "shop.example", cookieHeader } = { ...came };
  const request = {};
  const info = { cookieHeader, isSecure: () => isSecure, host: () => ("host" in came ? came.host : host) };
  const scope = harness.sessions.scope(request, info);
  return { ...harness, scope, load: () => harness.sessions.from(request) };
}

describe('onInsecure: "refuse"', () => {
  test("over http no session is opened: the store is not asked, no cookie is set, and the error says what to do", async () => {
    const { load, scope, calls, events } = receive({ cookieHeader: COOKIE });
    const failure: unknown = await load().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      name: "InsecureRequestError",
      code: "ERR_INSECURE_REQUEST",
      statusCode: 403,
    });
    expect(String(failure)).toContain("Serve https; behind a proxy that does, let the adapter trust it");
    expect(calls).toStrictEqual([]);
    expect(events).toStrictEqual([{ name: "rejected", event: { reason: "insecure" } }]);
    expect(scope.finish({ status: 403, headersSent: false })).toBeUndefined();
    expect(scope.headers()).toStrictEqual({ setCookie: [], varyCookie: false });
  });

  test("a second attempt, as by an error page, is refused too", async () => {
    const { load, calls } = receive({ cookieHeader: COOKIE });
    await expect(load()).rejects.toMatchObject({ code: "ERR_INSECURE_REQUEST" });
    await expect(load()).rejects.toMatchObject({ code: "ERR_INSECURE_REQUEST" });
    expect(calls).toStrictEqual([]);
  });

  test("a visitor without a cookie is refused as well, and there is no event", async () => {
    const { load, events } = receive({ cookieHeader: "theme=dark" });
    await expect(load()).rejects.toMatchObject({ code: "ERR_INSECURE_REQUEST" });
    expect(events).toStrictEqual([]);
  });

  test("a request that does not use its session is not refused", () => {
    const { scope, events } = receive({ cookieHeader: COOKIE });
    expect(scope.finish({ status: 200, headersSent: false })).toBeUndefined();
    expect(events).toStrictEqual([]);
  });

  test.each([
    { isSecure: true },
    { host: "localhost:3000" },
    { host: "shop.localhost" },
    { host: "[::1]:3000" },
  ])("%o is let through", async (came) => {
    expect((await receive(came).load()).isNew).toBe(true);
  });

  test.each([{ host: undefined }, { host: "localhost.example" }, { host: "127.0.0.1.example" }])(
    "%o is not localhost",
    async (came) => {
      await expect(receive(came).load()).rejects.toMatchObject({ code: "ERR_INSECURE_REQUEST" });
    },
  );

  test("opening a session without a request still works", async () => {
    const { sessions } = receive({});
    const session = await sessions.create({ a: 1 });
    expect((await sessions.open(session.cookieHeader)).data).toStrictEqual({ a: 1 });
  });
});

test("by default a session is opened over http too, as behind Django's proxy that sends no header", async () => {
  const { load, calls } = receive({ cookieHeader: COOKIE }, {});
  expect((await load()).isNew).toBe(true);
  expect(calls).toStrictEqual(["read"]);
});

describe('secure: "auto" behind a proxy that ends TLS', () => {
  const info = {
    cookieHeader: undefined,
    isSecure: () => false,
    host: () => "shop.example",
    claimsHttps: () => true,
  };

  function warningsOf(rules: ConstructorParameters<typeof PlainHttp>[0], ...came: object[]): unknown[] {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const plainHttp = new PlainHttp(rules);
    for (const each of came) plainHttp.warnOfCookie({ ...info, ...each });
    const codes = warn.mock.calls.map(([, options]) => (options as { code?: string }).code);
    warn.mockRestore();
    return codes;
  }

  test("that is not trusted warns once: the cookie of an https site was sent without Secure", () => {
    expect(warningsOf({ secure: "auto", onInsecure: "warn" }, {}, {}, {})).toEqual([
      "SOJOURN_UNTRUSTED_PROXY",
    ]);
  });

  test.each([
    ["is trusted", { isSecure: () => true }],
    ["says nothing", { claimsHttps: () => false }],
    ["cannot be asked about", { claimsHttps: undefined }],
  ])("does not warn when it %s", (_how, came) => {
    expect(warningsOf({ secure: "auto", onInsecure: "warn" }, came)).toEqual([]);
  });

  test("does not matter when the setting is explicit", () => {
    expect(warningsOf({ secure: false, onInsecure: "warn" }, {})).toEqual([]);
    expect(warningsOf({ secure: true, onInsecure: "warn" }, {})).toEqual(["SOJOURN_SECURE_COOKIE"]);
  });
});
