import { createHmac } from "node:crypto";
import { expressSessionSource } from "sojourn/integrations/express-session";
import { describe, expect, onTestFinished } from "vitest";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { openEarlier, openSessions } from "./support.ts";

const SECRET = "keyboard cat";
const COOKIE = { originalMaxAge: null, expires: null, httpOnly: true, path: "/" };

/** The Cookie header that express-session has set for an id. */
function headerOf(id: string, secret = SECRET): string {
  const signature = createHmac("sha256", secret).update(id).digest("base64").replace(/=+$/, "");
  return `connect.sid=${encodeURIComponent(`s:${id}.${signature}`)}`;
}

describeWithRedis("records of another library are not trusted", () => {
  const DEEP = `{"cookie":{},"a":${"[".repeat(2000)}${"]".repeat(2000)}}`;
  test.for([
    ["not JSON", "{", "malformed"],
    ["an array", "[1]", "malformed"],
    ["null", "null", "malformed"],
    ["too deep", DEEP, "malformed"],
    ["larger than sessions.maxBytes", JSON.stringify({ cookie: {}, a: "x".repeat(5000) }), "too-large"],
  ] as const)("%s: no session, one event, the record stays", async ([, record, reason], { server }) => {
    const { client } = await openEarlier(server);
    const sessions = openSessions(server, { sessions: { maxBytes: 4096 } });
    const events: unknown[] = [];
    sessions.on("notTakenOver", (event) => events.push(event));
    await client.set("sess:abc", record);
    for (let request = 0; request < 3; request++)
      expect(await sessions.open(headerOf("abc"))).toMatchObject({ isNew: true, isEmpty: true });
    expect(events).toStrictEqual([{ from: "express-session", reason }]);
    expect(await client.get("sess:abc")).toBe(record);
  });

  test("a member __proto__ stays a member", async ({ server }) => {
    const { client } = await openEarlier(server);
    const sessions = openSessions(server);
    await client.set("sess:abc", '{"cookie":{},"__proto__":{"isAdmin":true},"constructor":1}');
    const { data } = await sessions.open(headerOf("abc"));
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
    expect(Object.keys(data).toSorted()).toStrictEqual(["__proto__", "constructor"]);
    expect(({} as { isAdmin?: true }).isAdmin).toBeUndefined();
  });

  test("members with Sojourn's names log nobody in and set no expiry", async ({ server }) => {
    const { client } = await openEarlier(server);
    const sessions = openSessions(server);
    const forged = {
      _auth_user_id: "1",
      _auth_user_hash: "x",
      _session_expiry: 9e9,
      _sojourn: { created: 1 },
    };
    await client.set("sess:abc", JSON.stringify({ cookie: COOKIE, ...forged, a: 1 }));
    const session = await sessions.open(headerOf("abc"));
    expect(session.isAuthenticated).toBe(false);
    expect(session.data).toStrictEqual({ a: 1 });
  });

  test.for([
    ["a user's name", { passport: { user: "ann" } }, "ann"],
    ["a number", { passport: { user: 7 } }, "7"],
    ["no user", { passport: {} }, undefined],
    ["a user as an object", { passport: { user: { id: 7 } } }, undefined],
    ["a passport of another form", { passport: "ann" }, undefined],
  ] as const)("Passport's user, %s", async ([, data, userId], { server }) => {
    const { client } = await openEarlier(server);
    const sessions = openSessions(server);
    await client.set("sess:abc", JSON.stringify({ cookie: COOKIE, ...data }));
    expect(await sessions.open(headerOf("abc"))).toMatchObject({ userId, data });
  });

  test("userOf names the user of an application's own form", async ({ server }) => {
    const { client } = await openEarlier(server);
    const userOf = ({ account }: { account?: unknown }) => (account as { id: number } | undefined)?.id;
    const sessions = openSessions(server, { from: expressSessionSource({ secret: SECRET, userOf }) });
    await client.set("sess:abc", JSON.stringify({ cookie: COOKIE, account: { id: 7 } }));
    expect((await sessions.open(headerOf("abc"))).userId).toBe("7");
  });

  test.for([
    ["another secret", headerOf("abc", "another")],
    ["no signature", "connect.sid=s%3Aabc"],
    ["no s:", "connect.sid=abc"],
    ["a broken encoding", "connect.sid=%zz"],
    ["a very long id", headerOf("a".repeat(5000))],
    ["an empty id", headerOf("")],
  ] as const)("a cookie with %s is ignored", async ([, header], { server }) => {
    const { client } = await openEarlier(server);
    const sessions = openSessions(server);
    await client.set("sess:abc", JSON.stringify({ cookie: COOKIE, a: 1 }));
    expect((await sessions.open(header)).isNew).toBe(true);
    expect((await sessions.open(`${header}; ${headerOf("abc")}`)).data).toStrictEqual({ a: 1 });
  });

  test.for([
    ["an anonymous visitor", {}, 6],
    ["a user", { passport: { user: "ann" } }, 10],
  ] as const)("%s costs some commands once", async ([, data, most], { server }) => {
    const { client } = await openEarlier(server);
    const sessions = openSessions(server);
    await client.set("sess:abc", JSON.stringify({ cookie: COOKIE, ...data, a: 1 }));
    await sessions.ping();
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    const { cookieHeader } = await sessions.open(headerOf("abc"));
    expect(await monitor.take()).toHaveLength(most);
    await sessions.open(headerOf("abc"));
    expect(await monitor.take()).toStrictEqual(["GET", "GET"]);
    await sessions.open(cookieHeader);
    expect(await monitor.take()).toStrictEqual(["GET"]);
    await sessions.open(undefined);
    expect(await monitor.take()).toStrictEqual([]);
  });

  test("with hashKeys, the store tells no key, and a new secretKey keeps the sessions", async ({
    server,
  }) => {
    const { client } = await openEarlier(server);
    const options = { sessions: { hashKeys: true } };
    const sessions = openSessions(server, options);
    await client.set("sess:abc", JSON.stringify({ cookie: COOKIE, a: 1 }));
    const { cookieHeader = "" } = await sessions.open(headerOf("abc"));
    const key = cookieHeader.replace("sessionid=", "");
    const texts = await Promise.all(
      (await client.keys("shop:session-moved:*")).map((each) => client.get(each)),
    );
    expect([await client.keys("*"), texts].flat(2).some((text) => text?.includes(key))).toBe(false);
    const rotated = openSessions(server, {
      ...options,
      secretKey: "another secret of the tests, long enough",
      secretKeyFallbacks: ["a secret of the tests, long enough"],
    });
    expect(await rotated.open(headerOf("abc"))).toMatchObject({ cookieHeader, data: { a: 1 } });
  });
});

describeWithRedis("sessions.takeOverAll()", () => {
  async function open(server: Parameters<typeof openEarlier>[0]) {
    const { client, records } = await openEarlier(server);
    const sessions = openSessions(server);
    const put = (id: string, data: object) =>
      client.set(`sess:${id}`, JSON.stringify({ cookie: COOKIE, ...data }), {
        expiration: { type: "EX", value: 500 },
      });
    return { client, records, sessions, put };
  }

  test("moves all; their cookies find them, with their remaining life", async ({ server }) => {
    const { client, records, sessions, put } = await open(server);
    for (let n = 0; n < 100; n++) await put(`id${n}`, { n, passport: { user: "ann" } });
    const progress: unknown[] = [];
    const counts = await sessions.takeOverAll({ onProgress: (each) => progress.push(each) });
    expect(counts).toStrictEqual({ moved: 100, present: 0, expired: 0, unreadable: 0 });
    expect(progress.at(-1)).toStrictEqual(counts);
    expect(await records()).toStrictEqual([]);
    const [key = ""] = await client.keys("shop:session:*");
    expect(await client.ttl(key)).toSatisfy((ttl: number) => 400 < ttl && ttl <= 500);
    const session = await sessions.open(headerOf("id99"));
    expect(session).toMatchObject({ userId: "ann", data: { n: 99 } });
    expect(await sessions.revokeUser("ann")).toBe(100);
  });

  test("a dry run writes nothing; unreadable records stay; another run goes on", async ({ server }) => {
    const { client, records, sessions, put } = await open(server);
    await put("one", {});
    await put("two", {});
    await client.set("sess:broken", "{");
    await client.hSet("sess:statistics", "other", "data");
    const expected = { moved: 2, present: 0, expired: 0, unreadable: 1 };
    expect(await sessions.takeOverAll({ dryRun: true })).toStrictEqual(expected);
    expect((await client.keys("*")).toSorted()).toStrictEqual([
      "sess:broken",
      "sess:one",
      "sess:statistics",
      "sess:two",
    ]);
    expect(await sessions.takeOverAll()).toStrictEqual(expected);
    expect(await sessions.takeOverAll()).toStrictEqual({ ...expected, moved: 0 });
    expect((await records()).toSorted()).toStrictEqual(["sess:broken", "sess:statistics"]);
  });

  test("an interrupted run is continued", async ({ server }) => {
    const { sessions, put } = await open(server);
    for (let n = 0; n < 50; n++) await put(`id${n}`, { n });
    const stop = () => {
      throw new Error("stopped");
    };
    await expect(sessions.takeOverAll({ onProgress: stop })).rejects.toThrow("stopped");
    await put("late", {});
    const { moved, present } = await sessions.takeOverAll();
    expect([moved, present]).toStrictEqual([1, 0]);
  });

  test("a session that has ended is not taken over again, whatever is left of its record", async ({
    server,
  }) => {
    const { sessions, put, records } = await open(server);
    await put("one", { a: 1 });
    await (await sessions.open(headerOf("one"))).logout();
    await put("one", { a: 1 });
    expect(await sessions.takeOverAll()).toMatchObject({ moved: 0, present: 1 });
    expect((await sessions.open(headerOf("one"))).isNew).toBe(true);
    expect(await records()).toStrictEqual(["sess:one"]);
  });

  test("at the same time as the visitors: each session once", async ({ server }) => {
    const { client, sessions, put } = await open(server);
    for (let n = 0; n < 100; n++) await put(`id${n}`, { n });
    const visits = Array.from({ length: 100 }, async (_, n) => {
      const session = await sessions.open(headerOf(`id${n}`));
      return (session.data as { n: number }).n === n;
    });
    const [counts, seen] = await Promise.all([sessions.takeOverAll(), Promise.all(visits)]);
    expect(seen.every(Boolean)).toBe(true);
    expect(counts.moved + counts.present + counts.expired).toBeLessThanOrEqual(100);
    expect(await client.keys("shop:session:*")).toHaveLength(100);
  });

  describe("is refused", () => {
    test("without a source, or while nothing is moved", async ({ server }) => {
      await openEarlier(server);
      const sessions = openSessions(server, { moves: false });
      await expect(sessions.takeOverAll()).rejects.toThrow("sessions.takeOver.moves: expected true");
      await expect(sessions.takeOverAll({ dryRun: true })).resolves.toMatchObject({ moved: 0 });
    });
  });
});
