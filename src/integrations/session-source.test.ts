import { describe, expect, test } from "vitest";
import { RedisRegistry } from "../redis/registry.ts";
import { systemClock } from "../core/clock.ts";
import type { EarlierSessionsFactory } from "../session/take-over/earlier-sessions.ts";
import { expressSessionSource } from "./express-session/index.ts";
import { fastifySessionSource } from "./fastify-session/index.ts";
import { koaSessionSource } from "./koa-session/index.ts";

const open = (source: EarlierSessionsFactory) =>
  source({ redis: new RedisRegistry(), clock: systemClock, maxBytes: 1000 });

const cookie = { path: "/shop", domain: "example.org", secure: true, sameSite: "strict" } as const;
const SECRET = "a secret with a length of 32 or more";

describe.each([
  ["express-session", open(expressSessionSource({ secret: SECRET, cookie })), ["connect.sid"]],
  ["@fastify/session", open(fastifySessionSource({ secret: SECRET, cookie })), ["sessionId"]],
  ["koa-session", open(koaSessionSource({ keys: SECRET, cookie })), ["koa.sess", "koa.sess.sig"]],
] as const)("cookies of %s", (name, { cookies, name: own }, names) => {
  test("are cleared with the attributes that they were set with", () => {
    expect(own).toBe(name);
    const cleared = cookies.clear(true);
    expect(cleared.map((each) => each.name)).toStrictEqual(names);
    for (const { header } of cleared)
      expect(header).toMatch(
        /=; Max-Age=0; Domain=example\.org; Path=\/shop;.* HttpOnly; Secure; SameSite=Strict/,
      );
  });

  test("lead back to the id, as header and as Set-Cookie", () => {
    const id = "0f3e5a4e-7d0e-4a0c-9d6c-0f4f3c2b1a00";
    const lifetime = { maxAge: 1000, now: 0, isSecure: true };
    const set = cookies.set(id, lifetime).map((each) => `${each.name}=${each.value}`);
    for (const header of [cookies.headerOf(id), set.join("; "), `a=b; ${set.join(";")};`])
      expect(cookies.idsIn(header)).toStrictEqual({ ids: [id], forged: undefined });
    expect(cookies.idsIn(undefined)).toStrictEqual({ ids: [], forged: undefined });
  });

  test("of which there are many are looked at up to a limit", () => {
    const headers = Array.from({ length: 40 }, (_, n) => cookies.headerOf(`id${n}`));
    expect(cookies.idsIn(headers.join("; ")).ids.length).toBeLessThanOrEqual(4);
  });
});

test("records of express-session are written with a new end, and keep what the cookie had", () => {
  const { format } = open(expressSessionSource({ secret: SECRET }));
  const own = { cookie: { originalMaxAge: 1000, expires: "old", secure: true } };
  expect(format.ownMembers(own, 0)).toStrictEqual({
    cookie: {
      path: "/",
      httpOnly: true,
      originalMaxAge: 1000,
      expires: "1970-01-01T00:00:01.000Z",
      secure: true,
    },
  });
  expect(format.ownMembers({}, 0)).toStrictEqual({
    cookie: { path: "/", httpOnly: true, originalMaxAge: null, expires: null },
  });
  expect([format.lifeOf(own), format.lifeOf({ cookie: 1 }), format.lifeOf({})]).toStrictEqual([
    1000,
    undefined,
    undefined,
  ]);
});

test("a serializer of the application makes and reads the records", () => {
  const serializer = {
    parse: (text: string): unknown => JSON.parse(text.slice(1)),
    stringify: (session: object) => `!${JSON.stringify(session)}`,
  };
  const { format } = open(expressSessionSource({ secret: SECRET, serializer }));
  expect(format.toJson('!{"a":1}')).toBe('{"a":1}');
  expect(format.fromJson('{"a":1}')).toBe('!{"a":1}');
});
