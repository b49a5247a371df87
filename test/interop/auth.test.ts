import { describe, expect, test } from "vitest";
import { sessionAuthHash } from "../../src/codec/auth-hash.ts";
import { type DjangoAuth, djangoAuth } from "../../src/django/auth.ts";
import type { Session } from "../../src/session/session.ts";
import { describeWithDjango, type DjangoPeer, SECRET } from "./support/django-peer.ts";
import { type Data, NodeSite } from "./support/node-site.ts";

/** The stored hash of a password, as `user.password` has it. */
const PASSWORD = "pbkdf2_sha256$1000000$salt$aGFzaA==";
const OTHER_PASSWORD = "pbkdf2_sha256$1000000$salt$bmV3";
const OLD_SECRET = "the old secret of the tests, as long";
const BACKEND = "django.contrib.auth.backends.ModelBackend";
const OTHER_BACKEND = "django.contrib.auth.backends.AllowAllUsersModelBackend";
const CART = { tea: 1 };

interface User {
  readonly id: number;
  readonly password: string;
  readonly isActive?: boolean;
}

const ADA: User = { id: 42, password: PASSWORD };

/** Settings of both sites: their secrets, backends and users. */
interface Site {
  readonly users: readonly User[];
  readonly backends?: readonly string[];
}

function nodeAuth({ users, backends = [BACKEND] }: Site): DjangoAuth<User> {
  const findUser = async (id: string) =>
    users.find(
      (user) => String(user.id) === id && (user.isActive !== false || backends.includes(OTHER_BACKEND)),
    );
  return djangoAuth({ secretKey: SECRET, secretKeyFallbacks: [OLD_SECRET], backends, findUser });
}

const site = () => new NodeSite({ fallbacks: [OLD_SECRET] });

/** A record with a cart, and whatever it says of a login. */
function recordWith(login: Data): Promise<string> {
  return site().write({ cart: CART, ...login });
}

function loginOf(user: User, { secret = SECRET, backend = BACKEND } = {}): Data {
  return {
    _auth_user_id: String(user.id),
    _auth_user_backend: backend,
    _auth_user_hash: sessionAuthHash(user.password, secret),
  };
}

type Fate = "kept" | "moved" | "ended";

/** Django's reading of a record. */
async function atDjango(django: DjangoPeer, record: string, { users, backends = [BACKEND] }: Site) {
  const seen = await django.call("authGetUser", { record, users, backends, fallbacks: [OLD_SECRET] });
  const fate: Fate = seen.record === null ? "ended" : seen.hasNewKey ? "moved" : "kept";
  expect(seen.isOldGone).toBe(fate !== "kept");
  return { user: seen.user ?? undefined, fate, data: await dataOf(seen.record) };
}

/** Node's reading of a record. */
async function atNode(record: string, known: Site) {
  const node = site();
  const session = await node.open(record);
  const before = session.cookieHeader;
  const user = await nodeAuth(known).getUser(session);
  const fate: Fate =
    session.cookieHeader === undefined ? "ended" : session.cookieHeader === before ? "kept" : "moved";
  // A key that was renewed leads to the session for a minute.
  expect((await node.sessions.open(before)).cookieHeader).toBe(session.cookieHeader);
  return {
    user: user && String(user.id),
    fate,
    data: await dataOf(fate === "ended" ? null : await node.recordOf(session)),
  };
}

async function dataOf(record: string | null): Promise<Data> {
  return record === null ? {} : { ...(await site().open(record)).data };
}

/** A case of `get_user`: the session, the site, and what becomes of them. */
interface Case extends Partial<Site> {
  readonly title: string;
  readonly login: Data;
  readonly user: string | undefined;
  readonly fate: Fate;
}

const hash = (value: unknown): Data => ({ ...loginOf(ADA), _auth_user_hash: value });

const CASES: readonly Case[] = [
  { title: "nobody", login: {}, user: undefined, fate: "kept" },
  { title: "a login", login: loginOf(ADA), user: "42", fate: "kept" },
  {
    title: "a login under a fallback secret",
    login: loginOf(ADA, { secret: OLD_SECRET }),
    user: "42",
    fate: "moved",
  },
  {
    title: "a login under a secret that nobody knows",
    login: loginOf(ADA, { secret: "?" }),
    user: undefined,
    fate: "ended",
  },
  {
    title: "a login from before the password changed",
    login: hash(sessionAuthHash(OTHER_PASSWORD, SECRET)),
    user: undefined,
    fate: "ended",
  },
  {
    title: "a login without a hash",
    login: { _auth_user_id: "42", _auth_user_backend: BACKEND },
    user: undefined,
    fate: "ended",
  },
  { title: "a login with an empty hash", login: hash(""), user: undefined, fate: "ended" },
  { title: "a login with null for a hash", login: hash(null), user: undefined, fate: "ended" },
  {
    title: "a login with half of its hash",
    login: hash(sessionAuthHash(PASSWORD, SECRET).slice(0, 32)),
    user: undefined,
    fate: "ended",
  },
  {
    title: "a login without a backend",
    login: { _auth_user_id: "42", _auth_user_hash: "x" },
    user: undefined,
    fate: "kept",
  },
  {
    title: "a login by a backend of old",
    login: loginOf(ADA, { backend: "shop.OldBackend" }),
    user: undefined,
    fate: "kept",
  },
  {
    title: "a backend and a hash without a user",
    login: { _auth_user_backend: BACKEND, _auth_user_hash: "x" },
    user: undefined,
    fate: "kept",
  },
  {
    title: "a login by the second backend",
    login: loginOf(ADA, { backend: OTHER_BACKEND }),
    backends: [BACKEND, OTHER_BACKEND],
    user: "42",
    fate: "kept",
  },
  { title: "a user who is gone", login: loginOf(ADA), users: [], user: undefined, fate: "kept" },
  {
    title: "a user who is gone, with a wrong hash",
    login: hash("x"),
    users: [],
    user: undefined,
    fate: "kept",
  },
  {
    title: "a user who may not log in any more",
    login: loginOf(ADA),
    users: [{ ...ADA, isActive: false }],
    user: undefined,
    fate: "kept",
  },
  {
    title: "a user without a usable password",
    login: loginOf({ id: 7, password: "!x" }),
    users: [{ id: 7, password: "!x" }],
    user: "7",
    fate: "kept",
  },
];

/**
 * Runs one operation of Node on the session of a record.
 *
 * @returns The record then, and whether the key is new.
 */
async function change(
  record: string,
  act: (auth: DjangoAuth<User>, session: Session<Data>) => Promise<void>,
) {
  const node = site();
  const session = await node.open(record);
  const before = session.cookieHeader;
  await act(nodeAuth({ users: [ADA] }), session);
  return { record: await node.recordOf(session), hasNewKey: session.cookieHeader !== before };
}

describeWithDjango("django.contrib.auth", (django) => {
  describe("who is logged in", () => {
    test.each(CASES)("$title: $user, and the session is $fate, at Node as at Django", async (each) => {
      const { login, user, fate, users = [ADA], backends = [BACKEND] } = each;
      const record = await recordWith(login);
      const [theirs, ours] = [
        await atDjango(django(), record, { users, backends }),
        await atNode(record, { users, backends }),
      ];
      expect(theirs).toMatchObject({ user, fate });
      expect(ours).toEqual(theirs);
      expect(ours.data["cart"]).toEqual(fate === "ended" ? undefined : CART);
    });

    test("what one side has moved to the current secret is a login of it at the other", async () => {
      const record = await recordWith(loginOf(ADA, { secret: OLD_SECRET }));
      const node = site();
      const session = await node.open(record);
      await nodeAuth({ users: [ADA] }).getUser(session);
      expect(await atDjango(django(), await node.recordOf(session), { users: [ADA] })).toMatchObject({
        user: "42",
        fate: "kept",
      });
      const moved = await django().call("authGetUser", {
        record,
        users: [ADA],
        backends: [BACKEND],
        fallbacks: [OLD_SECRET],
      });
      expect(await atNode(moved.record ?? "", { users: [ADA] })).toMatchObject({ user: "42", fate: "kept" });
    });
  });

  describe("a login, where there was", () => {
    test.each([
      { who: "nobody", login: {}, stays: true },
      { who: "the same user", login: loginOf(ADA), stays: true },
      {
        who: "the same user with another password",
        login: loginOf({ id: 42, password: OTHER_PASSWORD }),
        stays: false,
      },
      {
        who: "the same user by a login that Django does not know",
        login: { _auth_user_id: "42" },
        stays: false,
      },
      { who: "another user", login: loginOf({ id: 7, password: PASSWORD }), stays: false },
    ])(
      "$who: each side knows the other's, and of the data what Django keeps stays ($stays)",
      async ({ login, stays }) => {
        const record = await recordWith(login);
        const ours = await change(record, (auth, session) => auth.login(session, ADA));
        const theirs = await django().call("authLogin", { record, user: ADA, fallbacks: [OLD_SECRET] });
        const data = { ...(stays && { cart: CART }), ...loginOf(ADA) };
        expect(await dataOf(ours.record)).toEqual(data);
        expect(await dataOf(theirs.record)).toEqual(data);
        expect(await atDjango(django(), ours.record, { users: [ADA] })).toMatchObject({
          user: "42",
          fate: "kept",
        });
        expect(await atNode(theirs.record ?? "", { users: [ADA] })).toMatchObject({
          user: "42",
          fate: "kept",
        });
      },
    );

    test("the same user: Node gives a new key, Django does not", async () => {
      const record = await recordWith(loginOf(ADA));
      expect(await change(record, (auth, session) => auth.login(session, ADA))).toMatchObject({
        hasNewKey: true,
      });
      expect(await django().call("authLogin", { record, user: ADA })).toMatchObject({ hasNewKey: false });
    });

    test("the same user under a fallback secret: Node keeps the data, Django does not", async () => {
      const record = await recordWith(loginOf(ADA, { secret: OLD_SECRET }));
      const ours = await change(record, (auth, session) => auth.login(session, ADA));
      const theirs = await django().call("authLogin", { record, user: ADA, fallbacks: [OLD_SECRET] });
      expect(await dataOf(ours.record)).toEqual({ cart: CART, ...loginOf(ADA) });
      expect(await dataOf(theirs.record)).toEqual(loginOf(ADA));
    });
  });

  describe("the change of a password", () => {
    const changed = { id: 42, password: OTHER_PASSWORD };

    test("the session of the one who changes it lives on at both sides, whichever has changed it", async () => {
      const record = await recordWith(loginOf(ADA));
      const ours = await change(record, (auth, session) => auth.updateSessionAuthHash(session, changed));
      const theirs = await django().call("authUpdateHash", { record, visitor: 42, changed });
      expect([ours.hasNewKey, theirs.hasNewKey, theirs.isOldGone]).toEqual([true, true, true]);
      expect(await dataOf(ours.record)).toEqual(await dataOf(theirs.record));
      expect(await atDjango(django(), ours.record, { users: [changed] })).toMatchObject({
        user: "42",
        data: { cart: CART },
      });
      expect(await atNode(theirs.record ?? "", { users: [changed] })).toMatchObject({
        user: "42",
        data: { cart: CART },
      });
    });

    test("all other sessions of the user end at both sides", async () => {
      const record = await recordWith(loginOf(ADA));
      expect(await atNode(record, { users: [changed] })).toMatchObject({ user: undefined, fate: "ended" });
      expect(await atDjango(django(), record, { users: [changed] })).toMatchObject({
        user: undefined,
        fate: "ended",
      });
    });

    test.each([
      { who: "another user", login: loginOf({ id: 7, password: PASSWORD }), visitor: 7 },
      { who: "nobody", login: {}, visitor: null },
    ])("a session of $who gets a new key and no hash, as at Django", async ({ login, visitor }) => {
      const record = await recordWith(login);
      const ours = await change(record, (auth, session) => auth.updateSessionAuthHash(session, changed));
      const theirs = await django().call("authUpdateHash", { record, visitor, changed });
      expect([ours.hasNewKey, theirs.hasNewKey]).toEqual([true, true]);
      expect(await dataOf(ours.record)).toEqual(await dataOf(theirs.record));
      expect(await dataOf(ours.record)).toEqual({ cart: CART, ...login });
    });
  });

  describe("a logout", () => {
    test("leaves nothing at either side", async () => {
      const record = await recordWith(loginOf(ADA));
      const node = site();
      const session = await node.open(record);
      const cookie = session.cookieHeader;
      await nodeAuth({ users: [ADA] }).logout(session);
      expect((await node.sessions.open(cookie)).isNew).toBe(true);
      expect(await django().call("authLogout", { record })).toMatchObject({ record: null, isOldGone: true });
    });
  });
});
