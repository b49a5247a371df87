import { expect, test } from "vitest";

import { createSojourn } from "../create-sojourn.ts";
import { cacheSessionStore } from "../stores/cache/index.ts";
import { memoryCacheStore, memorySessionStore } from "../stores/memory/index.ts";

const base = { projectName: "shop", secretKey: "a secret of the tests, long enough" };

test("the policy has the effective settings, including defaults", () => {
  const { sessions } = createSojourn({ ...base, sessions: { store: memorySessionStore() } });
  expect(sessions.policy).toStrictEqual({
    store: "memory",
    idleTimeoutSeconds: 14 * 86_400,
    absoluteTimeoutSeconds: null,
    renewEverySeconds: null,
    maxPerUser: null,
    isPersistent: true,
    isRevocable: true,
    hashKeys: false,
    encrypt: false,
    maxBytes: 1_048_576,
    cookie: { name: "sessionid", secure: true, httpOnly: true, sameSite: "lax", domain: null, path: "/" },
  });
});

test("it follows the settings, and reports an engine that cannot revoke", () => {
  const { sessions } = createSojourn({
    ...base,
    sessions: {
      store: cacheSessionStore({ store: memoryCacheStore() }),
      absoluteTimeout: "12h",
      renewEvery: 900,
      expireAtBrowserClose: true,
      cookie: { name: "__Host-id", age: "30m" },
    },
  });
  expect(sessions.policy).toMatchObject({
    store: "cache",
    idleTimeoutSeconds: 1800,
    absoluteTimeoutSeconds: 43_200,
    renewEverySeconds: 900,
    isPersistent: false,
    isRevocable: false,
    cookie: { name: "__Host-id" },
  });
});
