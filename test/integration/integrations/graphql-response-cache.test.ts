import { createRequire } from "node:module";
import { envelop, useEngine, useSchema } from "@envelop/core";
import { useResponseCache } from "@envelop/response-cache";
import type * as GraphQL from "graphql";
import type { ExecutionResult, GraphQLScalarType, GraphQLSchema, parse as Parse } from "graphql";
import { expect, onTestFinished, test, vi } from "vitest";

import type { Cache } from "../../../src/cache/index.ts";
import { CacheUsageError, StoreConnectionError } from "../../../src/core/errors.ts";
import { graphqlResponseCache } from "../../../src/integrations/graphql-response-cache/index.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { newPrefix, openCache } from "../cache/support.ts";
import { describeOnEngines, openUnreachable } from "./support.ts";

// Envelop gets the library as CommonJS, and two instances of it refuse each other's schemas.
const { buildSchema, execute, parse, specifiedRules, validate } = createRequire(import.meta.url)(
  "graphql",
) as typeof GraphQL;

const SCHEMA = `
  scalar Instant
  type User { id: ID!, name: String!, since: Instant! }
  type Query { user(id: ID!): User!, users: [User!]! }
  type Mutation { rename(id: ID!, name: String!): User! }
`;

/** A GraphQL service with users, whose resolvers are counted. */
function serve(cache: Cache, options: { readonly ttl?: number } = {}) {
  const names = new Map([
    ["1", "ann"],
    ["2", "bob"],
  ]);
  let loads = 0;
  // A response may be stored after its test has ended.
  const onError = (): void => {};
  const user = (id: string) => ({ id, name: names.get(id), since: new Date(0) });
  const root = {
    user: ({ id }: { id: string }) => (loads++, user(id)),
    users: () => (loads++, [...names.keys()].map(user)),
    rename: ({ id, name }: { id: string; name: string }) => (names.set(id, name), user(id)),
  };
  const schema: GraphQLSchema = buildSchema(SCHEMA);
  // As some libraries of scalars do: the value of a response is a Date until it is written.
  Object.assign(schema.getType("Instant") as GraphQLScalarType, { serialize: (value: unknown) => value });
  const enveloped = envelop({
    plugins: [
      useEngine({ parse, validate, execute, specifiedRules }),
      useSchema(schema),
      useResponseCache({ session: () => null, cache: graphqlResponseCache(cache, { onError }), ...options }),
    ],
  });
  const ask = async (query: string): Promise<unknown> => {
    const steps = enveloped({});
    const document = steps.parse(query) as ReturnType<typeof Parse>;
    const contextValue: unknown = await steps.contextFactory();
    const result = (await steps.execute({
      schema: steps.schema as GraphQLSchema,
      document,
      contextValue,
      rootValue: root,
    })) as ExecutionResult;
    return JSON.parse(JSON.stringify(result));
  };
  return { ask, loads: () => loads };
}

const USER = (id: number): string => `{ user(id: "${id}") { id name since } }`;
const ANN = { data: { user: { id: "1", name: "ann", since: "1970-01-01T00:00:00.000Z" } } };

/** Resolves when so many responses are stored: the library does not wait for that. */
async function stored(cache: Cache, count: number): Promise<void> {
  await vi.waitFor(async () => expect(await cache.keys("graphql:*")).toHaveLength(count), 10_000);
}

describeOnEngines("Envelop's response cache", (open) => {
  test("a response comes from the cache, also one with values that become texts", async () => {
    const cache = open();
    const { ask, loads } = serve(cache);
    expect(await ask(USER(1))).toEqual(ANN);
    await stored(cache, 1);
    expect(await ask(USER(1))).toEqual(ANN);
    expect(loads()).toBe(1);
  });

  test("a mutation makes the responses with its objects misses, and no others", async () => {
    const cache = open();
    const { ask, loads } = serve(cache);
    for (const query of [USER(1), USER(2), "{ users { id name } }"]) await ask(query);
    await stored(cache, 3);
    await ask('mutation { rename(id: "1", name: "anna") { id name } }');
    expect(await ask(USER(2))).toMatchObject({ data: { user: { name: "bob" } } });
    expect(loads()).toBe(3);
    expect(await ask(USER(1))).toMatchObject({ data: { user: { name: "anna" } } });
    expect(await ask("{ users { id name } }")).toMatchObject({ data: { users: [{ name: "anna" }, {}] } });
    expect(loads()).toBe(5);
  });

  test("a type, or one object, is made invalid by hand", async () => {
    const cache = open();
    const responses = graphqlResponseCache(cache);
    const store = async (): Promise<void> => {
      await responses.set("a", { data: { a: 1 } }, [{ typename: "User", id: 1 }], Infinity);
      await responses.set(
        "b",
        { data: { b: 1 } },
        [{ typename: "User", id: "2" }, { typename: "Page" }],
        60_000,
      );
    };
    const present = async (): Promise<boolean[]> =>
      Promise.all(["a", "b"].map(async (id) => (await responses.get(id)) !== undefined));
    await store();
    await responses.invalidate([{ typename: "User", id: "1" }]);
    expect(await present()).toEqual([false, true]);
    await store();
    await responses.invalidate([{ typename: "User" }]);
    expect(await present()).toEqual([false, false]);
    await store();
    await responses.invalidate([{ typename: "Page" }, { typename: "Us" }]);
    expect(await present()).toEqual([true, false]);
    expect(await cache.ttl("graphql:a")).toBeNull();
    await responses.invalidate([]);
  });

  test("wrong options are refused", () => {
    const make = graphqlResponseCache as (...given: unknown[]) => unknown;
    expect(() => make({})).toThrow("graphqlResponseCache() expected a cache");
    expect(() => make(open(), { ttl: 1 })).toThrow(CacheUsageError);
    expect(() => make(open(), { onError: "warn" })).toThrow(CacheUsageError);
  });
});

describeWithRedis("Envelop's response cache on Redis", () => {
  redisTest("an invalidation at one process is seen by the other at once", async ({ server }) => {
    const keyPrefix = newPrefix();
    const one = serve(openCache(server, { keyPrefix }));
    const cache = openCache(server, { keyPrefix });
    const other = serve(cache);
    await one.ask(USER(1));
    await stored(cache, 1);
    await other.ask(USER(1));
    expect([one.loads(), other.loads()]).toEqual([1, 0]);
    await graphqlResponseCache(cache).invalidate([{ typename: "User", id: "1" }]);
    await one.ask(USER(1));
    expect(one.loads()).toBe(2);
  });

  redisTest("an invalidation takes as many commands for 50 responses as for one", async ({ server }) => {
    const responses = graphqlResponseCache(openCache(server));
    for (let id = 0; id < 50; id++)
      await responses.set(String(id), {}, [{ typename: "User", id: 1 }], 60_000);
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    await responses.invalidate([{ typename: "User", id: 1 }]);
    expect(await monitor.take()).toEqual(["UNLINK", "UNLINK"]);
  });
});

test("Envelop's response cache with a server that cannot be reached: an error, and nothing ends the process", async () => {
  const cache = await openUnreachable();
  await expect(serve(cache).ask(USER(1))).rejects.toThrow(StoreConnectionError);
  const errors: unknown[] = [];
  const responses = graphqlResponseCache(cache, { onError: (error) => errors.push(error) });
  await responses.set("a", {}, [], 1000);
  await responses.set("a", { huge: 1n }, [], 1000);
  await responses.invalidate([{ typename: "User" }]);
  expect(errors).toEqual([
    expect.any(StoreConnectionError),
    expect.any(TypeError),
    expect.any(StoreConnectionError),
  ]);
  const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  onTestFinished(() => emitWarning.mockRestore());
  await graphqlResponseCache(cache).invalidate([{ typename: "User" }]);
  expect(emitWarning).toHaveBeenCalledExactlyOnceWith(
    expect.stringContaining("could not be"),
    expect.objectContaining({ code: "SOJOURN_GRAPHQL_RESPONSE_CACHE" }),
  );
});
