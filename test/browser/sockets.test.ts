import type { Express } from "express";
import type { SessionSettings } from "sojourn";
import { describe, expect, test } from "vitest";
import { describeSites, Site, type SiteData, type Visitor } from "./support/site.ts";

/** A stream of events that lives as long as its session: it looks before each event. */
function mountStream(app: Express, site: Site): void {
  app.get("/page", (_req, res) => {
    res.send(`<title>waiting</title><script>
      const source = new EventSource("/stream");
      source.onmessage = ({ data }) => { document.title = data; };
      source.addEventListener("end", () => { document.title = "logged out"; source.close(); });
    </script>`);
  });
  app.get("/stream", async (req, res) => {
    const session = await site.sessions.from(req);
    res.writeHead(200, { "Content-Type": "text/event-stream" }).flushHeaders();
    for (let event = 1; await session.isAlive(); event++) {
      await session.touch();
      res.write(`data: event ${event} for ${session.userId}\n\n`);
      await site.gates.pass(`event ${event + 1}`);
    }
    res.end("event: end\ndata: -\n\n");
  });
}

describeSites("a stream", (enter) => {
  const openStream = async (sessions: SessionSettings<SiteData> = {}) => {
    const [site, visitor] = [await Site.open({ routes: mountStream, sessions }), await enter()];
    await visitor.openTab(`${site.url}/login/1`);
    const tab = await visitor.openTab(`${site.url}/page`);
    await expect.poll(() => tab.title()).toBe("event 1 for 1");
    return { site, visitor, tab };
  };

  test('that asks session.isAlive() ends after "log out everywhere"', async () => {
    const { site, tab } = await openStream();
    site.gates.open("event 2");
    await expect.poll(() => tab.title()).toBe("event 2 for 1");
    await site.sessions.revokeUser("1");
    site.gates.open("event 3");
    await expect.poll(() => tab.title()).toBe("logged out");
  });

  test("goes on when the session's key is renewed, and ends when it is logged out under the new one", async () => {
    const { site, visitor, tab } = await openStream({ renewEvery: "1h" });
    site.clock.advance(3_700_000);
    const before = await visitor.cookies();
    await visitor.openTab(`${site.url}/who`);
    expect(await visitor.cookies()).not.toEqual(before);
    site.gates.open("event 2");
    await expect.poll(() => tab.title()).toBe("event 2 for 1");
    await visitor.openTab(`${site.url}/logout`);
    site.gates.open("event 3");
    await expect.poll(() => tab.title()).toBe("logged out");
  });

  test("that calls session.touch() keeps the session, not the cookie, for longer", async () => {
    const { site, visitor, tab } = await openStream();
    const before = await expiryOf(visitor);
    for (const event of [2, 3, 4]) {
      site.clock.advance(10 * 86_400_000);
      site.gates.open(`event ${event}`);
      await expect.poll(() => tab.title()).toBe(`event ${event} for 1`);
    }
    // 30 days without a page, with 14 days to live.
    expect(await expiryOf(visitor)).toBe(before);
    expect(await visitor.who(site)).toBe("user 1");
  });
});

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
    await expect(session.login(1)).rejects.toMatchObject({ code: "ERR_SESSION_USAGE" });
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
    const flushed = new Promise<string>((resolve) => site.sessions.on("flushed", (event) => resolve(event.session)));
    await (await site.sessions.open(made.cookieHeader)).logout();
    expect(session.eventName).toBe(await flushed);
    expect(await session.isAlive()).toBe(false);
  });
});
