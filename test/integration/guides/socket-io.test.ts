import { once } from "node:events";
import { io, type Socket } from "socket.io-client";
import { expect, onTestFinished, vi } from "vitest";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { type MemberSite, openSite } from "./member-site.ts";
import { mountSocketIo } from "./socket-io/sockets.ts";

const ORIGIN = "https://shop.example";
const WITHIN_A_SECOND = { timeout: 1000, interval: 5 };

async function open(redisUrl: string): Promise<MemberSite> {
  const site = await openSite(redisUrl);
  site.sessions.watch();
  const sockets = mountSocketIo(site.server, site.sessions, [ORIGIN]);
  onTestFinished(() => void sockets.close());
  return site;
}

function connect({ port }: MemberSite, cookie: string, origin = ORIGIN): Socket {
  const socket = io(`http://localhost:${port}`, {
    transports: ["websocket"],
    reconnection: false,
    forceNew: true,
    extraHeaders: { cookie, origin },
  });
  onTestFinished(() => void socket.close());
  return socket;
}

/** A socket that is connected, what it is told, and whether it was disconnected by the server. */
async function openSocket(site: MemberSite, cookie: string) {
  const socket = connect(site, cookie);
  const [ended, disconnected] = [vi.fn(), vi.fn()];
  socket.on("ended", ended);
  socket.on("disconnect", disconnected);
  await once(socket as never, "connect");
  const ask = (text: string): Promise<unknown> => socket.timeout(2000).emitWithAck("chat", text);
  const expectEnd = async (reason: string): Promise<void> => {
    await vi.waitFor(() => expect(disconnected).toHaveBeenCalledOnce(), WITHIN_A_SECOND);
    expect(ended.mock.calls).toEqual([[reason]]);
  };
  return { socket, ask, expectEnd };
}

async function refusalOf(socket: Socket): Promise<string> {
  const [error] = (await once(socket as never, "connect_error")) as [Error];
  return error.message;
}

describeWithRedis("the guide's socket.io", () => {
  test("a member's events are counted in the session, on its newest data", async ({ server }) => {
    const site = await open(server.url);
    const cookie = await site.visit("/login");
    const { ask } = await openSocket(site, cookie);
    expect(await ask("hello")).toBe("7: hello (1)");
    await (await site.elsewhere.open(cookie)).update((data) => (data.messages = 10));
    expect(await ask("again")).toBe("7: again (11)");
  });

  test("a stranger and a page of another site are refused", async ({ server }) => {
    const site = await open(server.url);
    const cookie = await site.visit("/login");
    expect(await refusalOf(connect(site, ""))).toBe("log in first");
    expect(await refusalOf(connect(site, cookie, "https://evil.shop.example"))).toBe("websocket error");
  });

  test("the end of the session elsewhere is told within a second, and disconnects", async ({ server }) => {
    const site = await open(server.url);
    const [first, second] = [
      await openSocket(site, await site.visit("/login")),
      await openSocket(site, await site.visit("/login")),
    ];
    await site.elsewhere.revokeUser(7);
    await first.expectEnd("revoked");
    await second.expectEnd("revoked");
  });

  test("a logout in a page is told to the sockets of its session alone", async ({ server }) => {
    const site = await open(server.url);
    const [cookie, other] = [await site.visit("/login"), await site.visit("/login")];
    const [ending, staying] = [await openSocket(site, cookie), await openSocket(site, other)];
    await site.visit("/logout", cookie);
    await ending.expectEnd("logout");
    expect(await staying.ask("hello")).toBe("7: hello (1)");
  });

  test("after a new key the page connects again, with its newest cookie", async ({ server }) => {
    const site = await open(server.url);
    const cookie = await site.visit("/login");
    const { expectEnd } = await openSocket(site, cookie);
    const newest = await site.visit("/cycle", cookie);
    await expectEnd("cycled");
    expect(await refusalOf(connect(site, cookie))).toBe("log in first");
    expect(await (await openSocket(site, newest)).ask("hello")).toBe("7: hello (1)");
  });
});
