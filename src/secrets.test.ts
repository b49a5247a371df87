import { setImmediate } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { djangoAuth, djangoSettings } from "./django/index.ts";
import { createSojourn } from "./create-sojourn.ts";
import { memorySessionStore } from "./stores/memory/index.ts";
import { ImproperlyConfigured } from "./core/errors.ts";

const LONG = "a secret of the tests, long enough";
const ENGINE = { SESSION_ENGINE: "codex_django.sessions.backends.redis", PROJECT_NAME: "shop" };

function warnings(): Error[] {
  const seen: Error[] = [];
  const note = (warning: Error & { code?: string }): void => {
    if (warning.code === "SOJOURN_SHORT_SECRET") seen.push(warning);
  };
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  return seen;
}

describe("a short secret", () => {
  test("of a Django site is a warning, also where its settings are added to", async () => {
    const seen = warnings();
    const { settings } = djangoSettings({ SECRET_KEY: "short-secret", ...ENGINE });
    createSojourn({ ...settings, sessions: { ...settings.sessions, store: memorySessionStore() } });
    await setImmediate();
    expect(seen.map(({ message }) => message)).toEqual([
      expect.stringContaining("SECRET_KEY of the Django site has 12 characters"),
    ]);
    expect(seen[0]?.message).not.toContain("short-secret");
  });

  test("that was in use before still verifies, with a warning: else no one could get rid of it", async () => {
    const seen = warnings();
    createSojourn({ projectName: "shop", secretKey: LONG, secretKeyFallbacks: [LONG, "short"] });
    await setImmediate();
    expect(seen.map(({ message }) => message)).toEqual([
      expect.stringContaining("sojourn.secretKeyFallbacks[1] has 5 characters"),
    ]);
  });
});

test("djangoAuth says that a secret is missing, and takes the site's own of any length", () => {
  const findUser = () => Promise.resolve(undefined);
  expect(() => djangoAuth({ secretKey: undefined, findUser })).toThrow(ImproperlyConfigured);
  expect(() => djangoAuth({ secretKey: undefined, findUser })).toThrow("Is the environment variable set");
  expect(() => djangoAuth({ secretKey: "short", findUser })).not.toThrow();
});

test("a Django site's cookie may be older than browsers keep it: it is named", () => {
  const { settings, unsupported } = djangoSettings({
    SECRET_KEY: LONG,
    SESSION_COOKIE_AGE: 63_072_000,
    ...ENGINE,
  });
  expect(unsupported).toMatchObject([{ setting: "SESSION_COOKIE_AGE" }]);
  expect(() => createSojourn(settings)).not.toThrow();
});
