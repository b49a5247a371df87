import { describe, expect, test } from "vitest";
import { createSojourn } from "../create-sojourn.ts";
import { ImproperlyConfigured } from "../core/errors.ts";
import { memorySessionStore } from "../stores/memory/index.ts";

const BASE = { projectName: "shop", secretKey: "s".repeat(50) };

function configure(settings: Record<string, unknown>): void {
  createSojourn({ ...BASE, ...settings });
}

describe("invalid settings throw at start, naming the setting, the expected and the given value", () => {
  test.each<[Record<string, unknown>, string]>([
    [{ projectName: undefined }, 'sojourn.projectName: expected a name such as "myproject", got nothing.'],
    [{ projectName: "" }, "sojourn.projectName: expected a name"],
    [{ projectName: "my project" }, "without spaces"],
    [
      { secretKey: undefined },
      "sojourn.secretKey: expected a secret text of at least 32 characters, got nothing.",
    ],
    [{ secretKey: undefined }, "Is the environment variable set that it comes from?"],
    [{ secretKey: null }, "sojourn.secretKey: expected a secret text of at least 32 characters, got null."],
    [
      { secretKey: "" },
      "sojourn.secretKey: expected a secret text of at least 32 characters, got an empty text.",
    ],
    [
      { secretKey: "secret" },
      "sojourn.secretKey: expected a secret text of at least 32 characters, got one of 6.",
    ],
    [{ secretKey: "s".repeat(31) }, "got one of 31."],
    [{ secretKeyFallbacks: "old" }, "sojourn.secretKeyFallbacks: expected an array of secret texts"],
    [{ secretKeyFallbacks: [""] }, "sojourn.secretKeyFallbacks[0]: expected a secret text that is not empty"],
    [{ sesions: {} }, 'sojourn.sesions: is not a setting; did you mean "sessions"?'],
    [{ clock: {} }, "sojourn.clock: expected an object with now() and monotonic()"],
    [{ sessions: { cookie: { age: "14" } } }, 'sessions.cookie.age: expected seconds or text such as "14d"'],
    [{ sessions: { cookie: { age: 0 } } }, "sessions.cookie.age: expected"],
    // 14 days in milliseconds, as other libraries have it.
    [
      { sessions: { cookie: { age: 1_209_600_000 } } },
      "sessions.cookie.age: expected at most 400 days, for which browsers keep a cookie, got 14000 days. A number is seconds",
    ],
    [{ sessions: { cookie: { age: "401d" } } }, "sessions.cookie.age: expected at most 400 days"],
    [{ sessions: { cookie: { age: "10y" } } }, "got 3653 days"],
    [
      { sessions: { cookie: { age: "1d", nam: "x" } } },
      'sessions.cookie.nam: is not a setting; did you mean "name"?',
    ],
    [{ sessions: { cookie: { name: "a b" } } }, 'sessions.cookie.name: expected a name such as "sessionid"'],
    [{ sessions: { cookie: { path: "x" } } }, 'sessions.cookie.path: expected a path such as "/"'],
    [{ sessions: { cookie: { path: "/a;b" } } }, "sessions.cookie.path: expected"],
    [{ sessions: { cookie: { domain: "a_b" } } }, "sessions.cookie.domain: expected a host name"],
    [
      { sessions: { cookie: { sameSite: "Lax" } } },
      'sessions.cookie.sameSite: expected "lax", "strict" or "none", got "Lax"',
    ],
    [{ sessions: { cookie: { secure: "yes" } } }, 'sessions.cookie.secure: expected true, false or "auto"'],
    [
      { sessions: { cookie: { sameSite: "none", secure: false } } },
      'sessions.cookie.secure: expected true, since sameSite is "none"',
    ],
    [
      { sessions: { cookie: { partitioned: true, secure: "auto" } } },
      "sessions.cookie.secure: expected true, since partitioned is set",
    ],
    [
      { sessions: { cookie: { name: "__Host-s", secure: "auto" } } },
      'sessions.cookie.secure: expected true, since the name is "__Host-s"',
    ],
    [
      { sessions: { cookie: { onInsecure: "throw" } } },
      'sessions.cookie.onInsecure: expected "warn" or "refuse"',
    ],
    [
      { sessions: { cookie: { onInsecure: "refuse", secure: "auto" } } },
      'sessions.cookie.secure: expected true, since onInsecure is "refuse"',
    ],
    [
      { sessions: { cookie: { onInsecure: "refuse", secure: false } } },
      'sessions.cookie.secure: expected true, since onInsecure is "refuse"',
    ],
    [{ sessions: { onInvalid: "ignore" } }, 'sessions.onInvalid: expected "throw", "reset" or "keep"'],
    [{ sessions: { cookie: { name: "__Host-s", path: "/a" } } }, 'sessions.cookie.path: expected "/"'],
    [
      { sessions: { cookie: { name: "__Host-s", domain: "a.example" } } },
      "sessions.cookie.domain: expected none",
    ],
    [
      { sessions: { cookie: { name: "__Secure-s", secure: false } } },
      "sessions.cookie.secure: expected true",
    ],
    [{ sessions: { cookie: { name: "__Http-s", secure: false } } }, "sessions.cookie.secure: expected true"],
    [{ sessions: { cookie: { name: "__hTTP-s", secure: "auto" } } }, "sessions.cookie.secure: expected true"],
    [
      { sessions: { cookie: { name: "__Http-s", httpOnly: false } } },
      "sessions.cookie.httpOnly: expected true",
    ],
    [
      { sessions: { cookie: { name: "__Host-Http-s", secure: false } } },
      "sessions.cookie.secure: expected true",
    ],
    [
      { sessions: { cookie: { name: "__host-http-s", httpOnly: false } } },
      "sessions.cookie.httpOnly: expected true",
    ],
    [{ sessions: { cookie: { name: "__Host-Http-s", path: "/a" } } }, 'sessions.cookie.path: expected "/"'],
    [
      { sessions: { cookie: { name: "__Host-Http-s", domain: "a.example" } } },
      "sessions.cookie.domain: expected none",
    ],
    [{ sessions: { store: "redis" } }, "sessions.store: expected a store such as redisSessionStore()"],
    [{ sessions: { profile: "rails" } }, 'sessions.profile: expected "sojourn" or "django"'],
    [
      { sessions: { profile: "django", touchEvery: 5 } },
      'sessions.touchEvery: expected null with profile "django"',
    ],
    [
      { sessions: { format: "pickle" } },
      'sessions.format: expected "django", "json" or "django-cache", got "pickle"',
    ],
    [{ sessions: { deadline: "1ms" } }, "sessions.deadline: expected"],
    [{ sessions: { deadline: null } }, "sessions.deadline: expected"],
    [{ sessions: { absoluteTimeout: -1 } }, "sessions.absoluteTimeout: expected"],
    [{ sessions: { maxBytes: 1.5 } }, "sessions.maxBytes: expected a whole number of bytes"],
    [{ sessions: { maxBytes: 1 } }, "sessions.maxBytes: expected at least 256 bytes"],
    [{ sessions: null }, "sessions: expected an object"],
  ])("%o", (settings, message) => {
    expect(() => configure(settings)).toThrow(ImproperlyConfigured);
    expect(() => configure(settings)).toThrow(message);
  });

  test.each([{ secretKey: "s".repeat(32) }, { sessions: { cookie: { age: "400d" } } }])(
    "%o is enough",
    (settings) => {
      expect(() => configure(settings)).not.toThrow();
    },
  );

  test("without showing a secret", () => {
    const settings = { secretKey: 12345678, secretKeyFallbacks: ["hunter2"] };
    expect(() => configure(settings)).toThrow(/^sojourn\.secretKey: (?!.*(12345678|hunter2))/);
  });
});

test("only a project name and a secret are needed, and no connection is opened", async () => {
  const { sessions, close } = createSojourn(BASE);
  expect(sessions.storeName).toBe("redis");
  await close();
});

test("the memory store for development and tests is a setting", async () => {
  const { sessions, close } = createSojourn({ ...BASE, sessions: { store: memorySessionStore() } });
  expect((await sessions.create({ a: 1 })).data).toStrictEqual({ a: 1 });
  await close();
});
