import { once } from "node:events";
import { expect, onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { type MemberSite, openSite } from "./member-site.ts";
import { CONNECT_AGAIN, LOGGED_OUT, mountSockets } from "./websockets/sockets.ts";

const ORIGIN = "https://shop.example";
const WITHIN_A_SECOND = { timeout: 1000, interval: 5 };

async function open(redisUrl: string): Promise<MemberSite> {
  const site = await openSite(redisUrl);
  site.sessions.watch();
  const sockets = mountSockets(site.server, site.sessions, [ORIGIN]);
  onTestFinished(() => {
    for (const socket of sockets.clients) socket.terminate();
  });
  return site;
}

function connect({ port }: MemberSite, cookie: string, origin = ORIGIN): WebSocket {
  return new WebSocket(`ws://localhost:${port}`, { headers: { cookie, origin } });
}

/** The status of a refused handshake. */
async function refusalOf(socket: WebSocket): Promise<unknown> {
  const [error] = (await once(socket, "error").catch((caught: unknown) => [caught])) as [Error];
  return error.message;
}

async function openSocket(site: MemberSite, cookie: string) {
  const socket = connect(site, cookie);
  const closed = vi.fn<(code: number, reason: string) => void>();
  socket.on("close", (code, reason) => closed(code, String(reason)));
  await once(socket, "open");
  const ask = async (text: string): Promise<string> => {
    socket.send(text);
    const [answer] = (await once(socket, "message")) as [Buffer];
    return String(answer);
  };
  return { socket, closed, ask };
}

describeWithRedis("the guide's WebSockets", () => {
  test("a member's messages are counted in the session", async ({ server }) => {
    const site = await open(server.url);
    const cookie = await site.visit("/login");
    const { ask } = await openSocket(site, cookie);
    expect(await ask("hello")).toBe("7: hello (1)");
    await (await site.elsewhere.open(cookie)).update((data) => (data.messages = 10));
    expect(await ask("again")).toBe("7: again (11)");
    expect((await site.elsewhere.open(cookie)).data.messages).toBe(11);
  });

  test("a stranger, another site and a page without an origin are refused", async ({ server }) => {
    const site = await open(server.url);
    const cookie = await site.visit("/login");
    expect(await refusalOf(connect(site, ""))).toContain("401");
    expect(await refusalOf(connect(site, "sessionid=abc"))).toContain("401");
    expect(await refusalOf(connect(site, cookie, "https://evil.example"))).toContain("403");
    expect(await refusalOf(connect(site, cookie, "https://evil.shop.example"))).toContain("403");
    expect(await refusalOf(connect(site, cookie, ""))).toContain("403");
  });

  test.for(["here", "elsewhere"] as const)(
    "a logout of all devices %s closes the member's sockets within a second",
    async (where, { server }) => {
      const site = await open(server.url);
      const sockets = [
        await openSocket(site, await site.visit("/login")),
        await openSocket(site, await site.visit("/login")),
      ];
      await (where === "here" ? site.sessions : site.elsewhere).revokeUser(7);
      for (const { closed } of sockets)
        await vi.waitFor(() => expect(closed.mock.calls).toEqual([[LOGGED_OUT, "revoked"]]), WITHIN_A_SECOND);
    },
  );

  test("a logout in a page closes the sockets of its session alone", async ({ server }) => {
    const site = await open(server.url);
    const [cookie, other] = [await site.visit("/login"), await site.visit("/login")];
    const [first, second, staying] = [
      await openSocket(site, cookie),
      await openSocket(site, cookie),
      await openSocket(site, other),
    ];
    expect(await site.visit("/logout", cookie)).toBe("");
    for (const { closed } of [first, second])
      await vi.waitFor(() => expect(closed.mock.calls).toEqual([[LOGGED_OUT, "logout"]]), WITHIN_A_SECOND);
    expect(await staying.ask("hello")).toBe("7: hello (1)");
  });

  test("after a login or a new key the page connects again, with its newest cookie", async ({ server }) => {
    const site = await open(server.url);
    let cookie = await site.visit("/login");
    for (const [page, reason] of [
      ["/cycle", "cycled"],
      ["/login", "login"],
    ] as const) {
      const { closed } = await openSocket(site, cookie);
      cookie = await site.visit(page, cookie);
      await vi.waitFor(() => expect(closed.mock.calls).toEqual([[CONNECT_AGAIN, reason]]), WITHIN_A_SECOND);
    }
    expect(await (await openSocket(site, cookie)).ask("hello")).toBe("7: hello (1)");
  });

  test("a message of a session that has just ended is not answered", async ({ server }) => {
    const site = await open(server.url);
    const cookie = await site.visit("/login");
    const { socket, closed } = await openSocket(site, cookie);
    const answered = vi.fn();
    socket.on("message", answered);
    await site.elsewhere.revokeUser(7);
    socket.send("late");
    await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce(), WITHIN_A_SECOND);
    expect(answered).not.toHaveBeenCalled();
  });
});
