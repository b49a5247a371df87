import { expect, test } from "vitest";
import { describeWithDjango } from "./support/django-peer.ts";
import { type Data, NodeSite } from "./support/node-site.ts";
import type { Session } from "../../src/session/session.ts";

/** The stored hash of a password, as `user.password` has it. */
const PASSWORD = "pbkdf2_sha256$1000000$salt$aGFzaA==";
const OTHER_PASSWORD = "pbkdf2_sha256$1000000$salt$bmV3";

async function loggedIn(site: NodeSite, user = 42): Promise<Session<Data>> {
  const session = await site.sessions.create({ cart: { tea: 1 } });
  await session.login(user, { django: { password: PASSWORD } });
  return session;
}

describeWithDjango("one login for both sides", (django) => {
  test("Django's get_user() knows who has logged in at Node, and leaves the session alone", async () => {
    const site = new NodeSite();
    const record = await site.recordOf(await loggedIn(site));
    const seen = await django().call("currentUser", { record, user: 42, password: PASSWORD });
    expect(seen).toMatchObject({ user: "42", hasNewKey: false });
    expect(seen.members[0]).toEqual(["cart", '{"tea":i1}']);
  });

  test("the login ends at Django when the user's password has changed since", async () => {
    const site = new NodeSite();
    const record = await site.recordOf(await loggedIn(site));
    const seen = await django().call("currentUser", { record, user: 42, password: OTHER_PASSWORD });
    expect(seen).toMatchObject({ user: null, members: [] });
  });

  test("a login from before the secret was rotated holds while Django has the old one among its fallbacks", async () => {
    const site = new NodeSite({ secret: "the old secret of the tests, as long" });
    const record = await site.recordOf(await loggedIn(site));
    const call = { record, user: 42, password: PASSWORD, secret: "the new secret of the tests, as long" };
    const rotated = await django().call("currentUser", {
      ...call,
      fallbacks: ["the old secret of the tests, as long"],
    });
    expect(rotated).toMatchObject({ user: "42", hasNewKey: true });
    expect(await django().call("currentUser", call)).toMatchObject({ user: null });
  });

  test("a login without Django's facts is none for Django", async () => {
    const site = new NodeSite();
    const session = await site.sessions.create({ cart: 1 });
    await session.login(42);
    const record = await site.recordOf(session);
    const seen = await django().call("currentUser", { record, user: 42, password: PASSWORD });
    expect(seen.user).toBeNull();
  });

  test("Node knows who has logged in at Django, as text, and its logout ends that session", async () => {
    const site = new NodeSite();
    const session = await site.open(await django().call("login", { user: 42, password: PASSWORD }));
    expect(session).toMatchObject({ userId: "42", isAuthenticated: true });
    expect(session.data["cart"]).toEqual({ tea: 1 });
    const cookie = session.cookieHeader;
    await session.logout();
    expect((await site.sessions.open(cookie)).isAuthenticated).toBe(false);
  });

  test("Django's login survives changes by Node, hash and all", async () => {
    const site = new NodeSite();
    const session = await site.open(await django().call("login", { user: 42, password: PASSWORD }));
    await session.update((data) => (data["cart"] = { tea: 2 }));
    const seen = await django().call("currentUser", {
      record: await site.recordOf(session),
      user: 42,
      password: PASSWORD,
    });
    expect(seen).toMatchObject({ user: "42", hasNewKey: false });
    expect(seen.members[0]).toEqual(["cart", '{"tea":i2}']);
  });
});
