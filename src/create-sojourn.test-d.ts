import * as v from "valibot";
import { describe, expectTypeOf, test } from "vitest";
import type { Cache } from "./cache/index.ts";
import { createSojourn } from "./create-sojourn.ts";
import type { UntypedData } from "./session/session-settings.ts";

const BASE = { projectName: "shop", secretKey: "a secret of the tests, long enough" };

describe("createSojourn", () => {
  test("types the data by its type parameter, without global augmentation", () => {
    const { sessions, caches } = createSojourn<{ views?: number }>({ ...BASE, caches: { pages: {} } });
    expectTypeOf(sessions.from({})).resolves.toHaveProperty("data");
    expectTypeOf<Awaited<ReturnType<typeof sessions.from>>["data"]>().toEqualTypeOf<{ views?: number }>();
    expectTypeOf(caches.default).toEqualTypeOf<Cache>();
  });

  test("types the data by a schema", () => {
    const schema = v.object({ theme: v.optional(v.string(), "light") });
    const { sessions } = createSojourn({ ...BASE, sessions: { schema } });
    expectTypeOf<Awaited<ReturnType<typeof sessions.from>>["data"]>().toEqualTypeOf<{ theme: string }>();
  });

  test("without either, anything goes", () => {
    const { sessions } = createSojourn(BASE);
    expectTypeOf<Awaited<ReturnType<typeof sessions.from>>["data"]>().toEqualTypeOf<UntypedData>();
  });

  test("knows the names of the caches", () => {
    const { caches } = createSojourn({ ...BASE, caches: { pages: { timeout: "1h" } } });
    expectTypeOf(caches.pages).toEqualTypeOf<Cache>();
    expectTypeOf(caches.default).toEqualTypeOf<Cache>();
    // @ts-expect-error a misspelt name
    expectTypeOf(caches.pags).not.toBeNullable();
  });

  test("refuses settings that are none", () => {
    // @ts-expect-error a misspelt setting
    expectTypeOf(createSojourn({ ...BASE, sesions: {} })).toBeObject();
    // @ts-expect-error a duration without a unit
    expectTypeOf(createSojourn({ ...BASE, sessions: { deadline: "5" } })).toBeObject();
  });
});
