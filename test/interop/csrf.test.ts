import { describe, expect, test } from "vitest";
import { djangoAuth } from "../../src/django/auth.ts";
import { csrfToken, isCsrfTokenValid, rotateCsrfToken } from "../../src/django/csrf.ts";
import type { Session } from "../../src/session/session.ts";
import { describeWithDjango, SECRET } from "./support/django-peer.ts";
import { type Data, NodeSite } from "./support/node-site.ts";

const PASSWORD = "pbkdf2_sha256$1000000$salt$aGFzaA==";
const PLACES = [
  { place: "a form", header: false },
  { place: "a header", header: true },
];

/** Runs an operation of Node on a new session, or on one with this record. */
async function atNode<Result>(
  record: string | null,
  act: (session: Session<Data>) => Result | Promise<Result>,
) {
  const site = new NodeSite();
  const session = record === null ? await site.sessions.create() : await site.open(record);
  const result = await act(session);
  await session.save();
  return { result, record: await site.recordOf(session), secret: session.data["_csrftoken"] };
}

async function secretIn(record: string | null): Promise<unknown> {
  const { secret } = await atNode(record, () => {});
  return secret;
}

describeWithDjango("django.middleware.csrf with CSRF_USE_SESSIONS", (django) => {
  describe("a token", () => {
    test.each(PLACES)(
      "of Node's gets a request in $place through Django's middleware, masked and bare",
      async ({ header }) => {
        const { result: token, record, secret } = await atNode(null, csrfToken);
        expect(await django().call("csrfIsAccepted", { record, token, header })).toBe(true);
        expect(await django().call("csrfIsAccepted", { record, token: String(secret), header })).toBe(true);
      },
    );

    test.each(PLACES)("of another session is refused by both, in $place", async ({ header }) => {
      const { record } = await atNode(null, csrfToken);
      const { result: token } = await atNode(null, csrfToken);
      expect(await django().call("csrfIsAccepted", { record, token, header })).toBe(false);
      expect((await atNode(record, (session) => isCsrfTokenValid(session, token))).result).toBe(false);
    });

    test("of Django's is valid for Node, masked and bare, and Node gives tokens of the same secret", async () => {
      const { token, record } = await django().call("csrfToken", { record: null });
      const check = (given: unknown) => atNode(record, (session) => isCsrfTokenValid(session, given));
      expect((await check(token)).result).toBe(true);
      expect((await check(await secretIn(record))).result).toBe(true);
      const { result: ours } = await atNode(record, csrfToken);
      expect(
        await django().call("csrfIsAccepted", { record: record ?? "", token: ours, header: false }),
      ).toBe(true);
    });

    test("is given by Django for the secret that Node has made, and leaves the session as it is", async () => {
      const { record, secret } = await atNode(null, csrfToken);
      const theirs = await django().call("csrfToken", { record });
      expect((await atNode(record, (session) => isCsrfTokenValid(session, theirs.token))).result).toBe(true);
      expect(await secretIn(theirs.record)).toBe(secret);
    });
  });

  describe("a secret", () => {
    test("that an old Django has stored masked is read by both, and Node leaves it for the others", async () => {
      const { token: masked } = await django().call("csrfToken", { record: null });
      const { record } = await atNode(null, (session) => void (session.data["_csrftoken"] = masked));
      const ours = await atNode(record, csrfToken);
      expect(ours.secret).toBe(masked);
      expect(await django().call("csrfIsAccepted", { record, token: ours.result, header: false })).toBe(true);
      const theirs = await django().call("csrfToken", { record });
      expect((await atNode(record, (session) => isCsrfTokenValid(session, theirs.token))).result).toBe(true);
    });

    test("that was rotated by one side makes the old tokens invalid at the other", async () => {
      const { result: token, record } = await atNode(null, csrfToken);
      const ours = await atNode(record, rotateCsrfToken);
      expect(await django().call("csrfIsAccepted", { record: ours.record, token, header: false })).toBe(
        false,
      );
      const theirs = await django().call("csrfRotate", { record });
      expect((await atNode(theirs.record, (session) => isCsrfTokenValid(session, token))).result).toBe(false);
    });
  });

  test.each([
    { who: "nobody", login: {} },
    { who: "another user", login: { _auth_user_id: "7" } },
  ])("a login where there was $who changes the secret at both sides", async ({ login }) => {
    const user = { id: 42, password: PASSWORD };
    const auth = djangoAuth({ secretKey: SECRET, findUser: async () => user });
    const first = await atNode(null, (session) => {
      Object.assign(session.data, login);
      return csrfToken(session);
    });
    const ours = await atNode(first.record, (session) => auth.login(session, user));
    const theirs = await django().call("csrfLogin", { record: first.record, user: 42, password: PASSWORD });
    for (const record of [ours.record, theirs.record]) {
      expect(await secretIn(record)).toMatch(/^[a-zA-Z0-9]{32}$/);
      expect(await secretIn(record)).not.toBe(first.secret);
      expect(
        await django().call("csrfIsAccepted", { record: record ?? "", token: first.result, header: false }),
      ).toBe(false);
      expect((await atNode(record, (session) => isCsrfTokenValid(session, first.result))).result).toBe(false);
    }
  });
});
