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

interface Visitor {
  views?: number;
}

describe("createSojourn.withData", () => {
  test("types the data and keeps the names of the caches", () => {
    const { sessions, caches } = createSojourn.withData<Visitor>()({
      ...BASE,
      caches: { pages: { timeout: "1h" } },
    });
    expectTypeOf<Awaited<ReturnType<typeof sessions.from>>["data"]>().toEqualTypeOf<Visitor>();
    expectTypeOf(caches.pages).toEqualTypeOf<Cache>();
    expectTypeOf(caches.default).toEqualTypeOf<Cache>();
    // @ts-expect-error a misspelt name
    expectTypeOf(caches.pags).not.toBeNullable();
  });

  test("without caches there is the default one", () => {
    const { caches } = createSojourn.withData<Visitor>()(BASE);
    expectTypeOf(caches.default).toEqualTypeOf<Cache>();
    // @ts-expect-error no such cache
    expectTypeOf(caches.pages).not.toBeNullable();
  });

  test("refuses settings that are none", () => {
    // @ts-expect-error a misspelt setting
    expectTypeOf(createSojourn.withData<Visitor>()({ ...BASE, sesions: {} })).toBeObject();
    // @ts-expect-error a schema of another type
    createSojourn.withData<Visitor>()({ ...BASE, sessions: { schema: v.object({ views: v.string() }) } });
  });
});

describe("the data of sessions is what JSON can hold", () => {
  interface Cart {
    readonly id: bigint;
    lines: { readonly product: string; count: number }[];
    parent?: Cart | null;
    labels?: Readonly<Record<string, string | undefined>>;
    kind?: "a" | "b";
    pair?: readonly [number, string];
    anything?: unknown;
  }

  test("plain data of any depth", () => {
    expectTypeOf(createSojourn<Cart>(BASE)).toBeObject();
    expectTypeOf(createSojourn<{ cart?: Cart; theme: "light" | "dark" }>(BASE)).toBeObject();
    expectTypeOf(createSojourn<Record<string, unknown>>(BASE)).toBeObject();
    expectTypeOf(createSojourn.withData<Cart>()(BASE)).toBeObject();
  });

  test("a Date, a Map, a Set, bytes, a promise, a function or a symbol is an error, however deep", () => {
    // @ts-expect-error a Date
    expectTypeOf(createSojourn<{ at?: Date }>(BASE)).toBeObject();
    // @ts-expect-error a Date
    expectTypeOf(createSojourn.withData<{ at?: Date }>()(BASE)).toBeObject();
    // @ts-expect-error a Date in an array
    expectTypeOf(createSojourn<{ log: { at: Date | null }[] }>(BASE)).toBeObject();
    // @ts-expect-error a Map
    expectTypeOf(createSojourn<{ cart?: Map<string, number> }>(BASE)).toBeObject();
    // @ts-expect-error a Set
    expectTypeOf(createSojourn<{ seen?: ReadonlySet<string> }>(BASE)).toBeObject();
    // @ts-expect-error bytes
    expectTypeOf(createSojourn<{ token?: Buffer }>(BASE)).toBeObject();
    // @ts-expect-error a promise
    expectTypeOf(createSojourn<{ user?: Promise<string> }>(BASE)).toBeObject();
    // @ts-expect-error a function
    expectTypeOf(createSojourn<{ cart?: { total(): number } }>(BASE)).toBeObject();
    // @ts-expect-error a symbol
    expectTypeOf(createSojourn<{ kind?: symbol }>(BASE)).toBeObject();
    // @ts-expect-error a Date that a schema makes
    expectTypeOf(createSojourn({ ...BASE, sessions: { schema: v.object({ at: v.date() }) } })).toBeObject();
  });
});

test("the secret may be typed as an environment variable is", () => {
  expectTypeOf(createSojourn({ projectName: "shop", secretKey: process.env["SECRET_KEY"] })).toBeObject();
  // @ts-expect-error it has to be named
  expectTypeOf(createSojourn({ projectName: "shop" })).toBeObject();
});
