import { describe, expect, test } from "vitest";
import { Browser, openHarness } from "../../test/support/session-harness.ts";

const DAY = 86_400_000;

/** A member, and the session of a socket opened by the member's browser. */
async function openSocket(settings: Parameters<typeof openHarness>[0] = {}) {
  const harness = openHarness(settings);
  const browser = new Browser(harness.sessions);
  await browser.request((session) => session.login(7));
  return { ...harness, browser, socket: await harness.sessions.open(browser.cookie) };
}

describe("session.touch(), for a socket", () => {
  test("keeps a session that only the socket uses, even after another request has written to it", async () => {
    const { sessions, browser, socket, clock } = await openSocket();
    await browser.request((session) => void (session.data["page"] = 1));
    for (let day = 0; day < 60; day++) {
      clock.advance(DAY);
      expect(await socket.touch()).toBe(true);
    }
    expect((await sessions.open(browser.cookie)).userId).toBe("7");
    socket.data["message"] = 1;
    await socket.save();
    expect(socket.data).toMatchObject({ page: 1, message: 1 });
  });

  test("follows a session whose key is renewed, again and again", async () => {
    const { browser, socket, clock, keys } = await openSocket({ renewEvery: "1h" });
    for (let hour = 0; hour < 5; hour++) {
      clock.advance(3_700_000);
      await browser.request(() => {});
      clock.advance(30_000);
      expect(await socket.touch()).toBe(true);
      expect(await socket.isAlive()).toBe(true);
    }
    expect(await keys()).toHaveLength(1);
    clock.advance(13 * DAY);
    expect(await socket.touch()).toBe(true);
  });

  test("lists the session's activity under its present key", async () => {
    const { sessions, browser, socket, clock } = await openSocket({ renewEvery: "1h" });
    clock.advance(3_700_000);
    await browser.request(() => {});
    clock.advance(30_000);
    await socket.touch();
    const refs: string[] = [];
    for await (const { ref } of sessions.ofUser(7)) refs.push(ref);
    expect(refs).toStrictEqual([(await sessions.open(browser.cookie)).ref]);
    expect(socket.ref).toBe(refs[0]);
  });

  test.each(["logout", "revokeUser", "cycleKey", "login"] as const)(
    "and isAlive() report %s",
    async (end) => {
      const { sessions, browser, socket } = await openSocket();
      if (end === "revokeUser") await sessions.revokeUser(7);
      else await browser.request((session) => (end === "login" ? session.login(8) : session[end]()));
      expect({ touch: await socket.touch(), isAlive: await socket.isAlive() }).toEqual({
        touch: false,
        isAlive: false,
      });
    },
  );
});
