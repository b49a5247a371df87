import type { Express } from "express";
import type { Page } from "playwright-core";
import type { SessionSettings } from "sojourn";
import { describe, expect, test } from "vitest";
import { serverForTest } from "../support/redis-connections.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { type Socket, Sockets } from "./guides/socket.ts";
import { mountStream } from "./guides/stream.ts";
import { describeSites, expectTitle, Site, type SiteData, type Visitor } from "./support/site.ts";
import { onWebSocket } from "./support/web-socket.ts";

/** A page that shows in its title what the stream says. */
function mountPage(app: Express, site: Site): void {
  app.get("/page", (_req, res) => {
    res.send(`<title>waiting</title><script>
      const source = new EventSource("/stream");
      source.onmessage = ({ data }) => { document.title = data; };
      source.addEventListener("end", () => { document.title = "logged out"; source.close(); });
    </script>`);
  });
  mountStream(app, site.sessions, async function* eventsFor(userId) {
    for (let event = 1; ; event++) {
      yield `event ${event} for ${userId}`;
      await site.gates.pass(`event ${event + 1}`);
    }
  });
}

describeSites("a stream", (enter) => {
  const openStream = async (sessions: SessionSettings<SiteData> = {}) => {
    const [site, visitor] = [await Site.open({ routes: mountPage, sessions }), await enter()];
    await visitor.openTab(`${site.url}/login/1`);
    const tab = await visitor.openTab(`${site.url}/page`);
    await expectTitle(tab, "event 1 for 1");
    return { site, visitor, tab };
  };

  test('ends after "log out everywhere"', async () => {
    const { site, tab } = await openStream();
    site.gates.open("event 2");
    await expectTitle(tab, "event 2 for 1");
    await site.sessions.revokeUser("1");
    site.gates.open("event 3");
    await expectTitle(tab, "logged out");
  });

  test("goes on when the session's key is renewed, and ends when it is logged out under the new one", async () => {
    const { site, visitor, tab } = await openStream({ renewEvery: "1h" });
    site.clock.advance(3_700_000);
    const before = await visitor.cookies();
    await visitor.openTab(`${site.url}/who`);
    expect(await visitor.cookies()).not.toEqual(before);
    site.gates.open("event 2");
    await expectTitle(tab, "event 2 for 1");
    await visitor.openTab(`${site.url}/logout`);
    site.gates.open("event 3");
    await expectTitle(tab, "logged out");
  });

  test("keeps the session, not the cookie, for longer", async () => {
    const { site, visitor, tab } = await openStream();
    const before = await expiryOf(visitor);
    for (const event of [2, 3, 4]) {
      site.clock.advance(10 * 86_400_000);
      site.gates.open(`event ${event}`);
      await expectTitle(tab, `event ${event} for 1`);
    }
    // 30 days without a page, with 14 days to live.
    expect(await expiryOf(visitor)).toBe(before);
    expect(await visitor.who(site)).toBe("user 1");
  });
});

describeSites("a socket", (enter) => {
  test("is closed for a visitor who is not logged in", async () => {
    const [site, visitor] = [await Site.open(), await enter()];
    const tab = await serveSockets(site).connect(visitor);
    await expectTitle(tab, "4401 Log in first.");
  });

  test('writes to the session, and is closed by "log out everywhere" in the same process', async () => {
    const [site, visitor] = [await Site.open(), await enter()];
    await visitor.openTab(`${site.url}/login/1`);
    const tab = await serveSockets(site).connect(visitor);
    await tab.evaluate(`socket.send("a")`);
    await expectTitle(tab, "1 messages");
    await site.sessions.revokeUser("1");
    await expectTitle(tab, "4401 You are logged out.");
  });
});

describeWithRedis("a socket, in Redis", () => {
  describeSites("beside another process", (enter) => {
    test.for(["message", "look"] as const)(
      "finds out by its next %s that the session has ended there",
      async (act) => {
        const redis = await serverForTest();
        const [site, other] = [await Site.open({ redis }), await Site.open({ redis })];
        const visitor = await enter();
        const { sockets, opened, connect } = serveSockets(site);
        await visitor.openTab(`${site.url}/login/1`);
        const tab = await connect(visitor);
        await tab.evaluate(`socket.send("a")`);
        await expectTitle(tab, "1 messages");
        await other.sessions.revokeUser("1");
        if (act === "message") await tab.evaluate(`socket.send("b")`);
        else for (const socket of opened) await sockets.check(socket);
        await expectTitle(tab, "4401 You are logged out.");
      },
    );
  });
});

/** Sockets of a site, as the guide has them. */
function serveSockets(site: Site) {
  const sockets = new Sockets(site.sessions);
  const opened: Socket[] = [];
  onWebSocket(site.server, (socket, request) => {
    opened.push(socket);
    void sockets.serve(socket, request);
  });
  const connect = async (visitor: Visitor): Promise<Page> => {
    const tab = await visitor.openTab(`${site.url}/blank`);
    await tab.evaluate(`new Promise((resolve) => {
      window.socket = new WebSocket(location.origin.replace("http", "ws"));
      socket.onopen = resolve;
      socket.onmessage = ({ data }) => { document.title = data; };
      socket.onclose = ({ code, reason }) => { document.title = code + " " + reason; };
    })`);
    return tab;
  };
  return { sockets, opened, connect };
}

async function expiryOf(visitor: Visitor): Promise<number | undefined> {
  return (await visitor.context.cookies()).find(({ name }) => name === "sessionid")?.expires;
}

describe("sessions.open()", () => {
  test.for([
    ["a dead session", "sessionid=" + "a".repeat(32)],
    ["no cookie", undefined],
  ] as const)("of %s makes no session that no browser can have", async ([, header]) => {
    const site = await Site.open();
    const session = await site.sessions.open(header);
    session.data.note = "a message of a socket";
    await expect(session.save()).rejects.toMatchObject({ code: "ERR_SESSION_USAGE" });
    await expect(session.update((data) => (data.note = "another"))).rejects.toMatchObject({
      code: "ERR_SESSION_USAGE",
    });
    expect({
      isStored: session.ref !== undefined,
      isAlive: await session.isAlive(),
      touch: await session.touch(),
    }).toEqual({ isStored: false, isAlive: false, touch: false });
  });

  test("names its session as the events do", async () => {
    const site = await Site.open();
    const made = await site.sessions.create({ note: "a" });
    const session = await site.sessions.open(made.cookieHeader);
    const flushed = new Promise<string>((resolve) =>
      site.sessions.on("flushed", (event) => resolve(event.session)),
    );
    await (await site.sessions.open(made.cookieHeader)).logout();
    expect(session.eventName).toBe(await flushed);
    expect(await session.isAlive()).toBe(false);
  });
});
