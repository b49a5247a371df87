import { createSession, isSession, redirect } from "react-router";
import { SessionInterrupted, SessionUsageError } from "sojourn";
import { reactRouterSessionStorage } from "sojourn/adapters/react-router";
import { describe, expect, test } from "vitest";
import { type Failable, openSessions, type TestData } from "./support/stores.ts";

interface Flash {
  notice: string;
}

function openStorage(store: Failable = openSessions()) {
  return { ...store, ...reactRouterSessionStorage<TestData, Flash>(store.sessions) };
}

type Storage = ReturnType<typeof openStorage>;

/** Name and value of a Set-Cookie header. */
function pairOf(cookie: string): string {
  return cookie.slice(0, cookie.indexOf(";"));
}

/** A visitor with a stored session. @returns Their Cookie header. */
async function visitor({ getSession, commitSession }: Storage, data: TestData): Promise<string> {
  const session = await getSession(null);
  for (const [name, value] of Object.entries(data)) session.set(name, value);
  return pairOf(await commitSession(session));
}

describe("a session of the storage", () => {
  test("is a session of React Router, and its cookie opens it again", async () => {
    const storage = openStorage();
    const first = await storage.getSession(undefined);
    expect([isSession(first), first.id, first.data, first.has("n")]).toEqual([true, "", {}, false]);
    first.set("n", 1);
    first.set("city", "Turin");
    first.unset("city");
    const header = await storage.commitSession(first);
    expect(header).toMatch(/^sessionid=\w+; .*HttpOnly/);
    expect(redirect("/", { headers: { "Set-Cookie": header } }).headers.getSetCookie()).toEqual([header]);
    const again = await storage.getSession(pairOf(header));
    expect([again.get("n"), again.has("city"), again.data]).toEqual([1, false, { n: 1 }]);
    expect(again.id).toBe(again.sojourn.ref);
    expect(header).not.toContain(again.id);
  });

  test("keeps flashed values until they are read, under React Router's names", async () => {
    const storage = openStorage();
    const session = await storage.getSession();
    session.flash("notice", "saved");
    const plain = createSession<TestData, Flash>();
    plain.flash("notice", "saved");
    expect(session.data).toEqual(plain.data);
    const cookie = pairOf(await storage.commitSession(session));
    const next = await storage.getSession(cookie);
    expect([next.has("notice"), next.get("notice"), next.get("notice")]).toEqual([true, "saved", undefined]);
    await storage.commitSession(next);
    expect((await storage.getSession(cookie)).has("notice")).toBe(false);
  });

  test("without changes begins nothing, and its cookie stays as it is", async () => {
    const storage = openStorage();
    expect(await storage.commitSession(await storage.getSession(null), { maxAge: 60 })).toBe("");
    const cookie = await visitor(storage, { n: 1 });
    expect(await storage.commitSession(await storage.getSession(cookie))).toBe("");
  });

  test("has the lifetime of maxAge and of expires, in the store as in the cookie", async () => {
    const storage = openStorage();
    const session = await storage.getSession(null);
    session.set("n", 1);
    const header = await storage.commitSession(session, { maxAge: 90 });
    expect(header).toContain("; Max-Age=90;");
    const { sojourn } = await storage.getSession(pairOf(header));
    const left = sojourn.expiryDate.getTime() - Date.now();
    expect(left).toBeLessThanOrEqual(90_000);
    const expires = new Date("2099-01-01T00:00:00Z");
    const dated = await storage.getSession(pairOf(header));
    await storage.commitSession(dated, { expires });
    expect((await storage.getSession(pairOf(header))).sojourn.expiryDate).toEqual(expires);
  });
});

describe("commits", () => {
  test("of requests that overlap are merged", async () => {
    const storage = openStorage();
    const cookie = await visitor(storage, { n: 0 });
    const requests = await Promise.all(Array.from({ length: 10 }, () => storage.getSession(cookie)));
    await Promise.all(
      requests.map(async (session, index) => {
        session.set(`part${index}`, index);
        await storage.commitSession(session);
      }),
    );
    expect(Object.keys((await storage.getSession(cookie)).data)).toHaveLength(11);
  });

  test("after another request has destroyed the session are interrupted, and bring nothing back", async () => {
    const storage = openStorage();
    const cookie = await visitor(storage, { n: 1 });
    const late = await storage.getSession(cookie);
    const cleared = await storage.destroySession(await storage.getSession(cookie));
    expect(cleared).toMatch(/^sessionid=; Max-Age=0;/);
    late.set("n", 2);
    await expect(storage.commitSession(late)).rejects.toThrow(SessionInterrupted);
    expect((await storage.getSession(cookie)).data).toEqual({});
  });

  test("after a login in the same request have the new key, and the old one is dead", async () => {
    const storage = openStorage();
    const before = await visitor(storage, { n: 1 });
    const session = await storage.getSession(before);
    await session.sojourn.login("42");
    const after = pairOf(await storage.commitSession(session));
    expect(after).not.toBe(before);
    const { sojourn } = await storage.getSession(after);
    expect([sojourn.userId, sojourn.data.n]).toEqual(["42", 1]);
    expect((await storage.getSession(before)).data).toEqual({});
  });

  test("that fail keep failing: a second one does not pretend to have saved", async () => {
    const store = openSessions();
    const storage = openStorage(store);
    const session = await storage.getSession(null);
    session.set("n", 1);
    store.isDown = true;
    const first = await storage.commitSession(session).catch((error: unknown) => error);
    expect(first).toMatchObject({ code: "ERR_STORE_CONNECTION" });
    store.isDown = false;
    await expect(storage.commitSession(session)).rejects.toBe(first);
  });
});

test("wrong arguments are explained", async () => {
  const { sessions } = openSessions();
  expect(() => reactRouterSessionStorage({} as never)).toThrow("reactRouterSessionStorage(sessions)");
  expect(() => reactRouterSessionStorage(sessions, { isSecure: 1 } as never)).toThrow(
    "reactRouterSessionStorage.isSecure",
  );
  const { getSession, commitSession, destroySession } = reactRouterSessionStorage(sessions);
  await expect(getSession(new Request("http://shop.example/") as never)).rejects.toThrow(
    'getSession(request.headers.get("Cookie"))',
  );
  const foreign = createSession<TestData>();
  await expect(commitSession(foreign)).rejects.toThrow("a session of this storage's getSession()");
  await expect(destroySession(foreign)).rejects.toThrow(SessionUsageError);
  const session = await getSession(null);
  session.set("n", 1);
  await expect(commitSession(session, { secure: true } as never)).rejects.toThrow(SessionUsageError);
  await expect(commitSession(session, { maxAge: 0 })).rejects.toThrow("whole seconds above 0");
});
