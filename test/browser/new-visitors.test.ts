import { expect, test } from "vitest";
import { describeSitesOnStores, send, type Site, type Visitor } from "./support/site.ts";

describeSitesOnStores("a browser with a dead session's cookie", (enter, open) => {
  /** A visitor whose session has passed its absolute time-out, as one has after the store was emptied. */
  const enterLate = async (): Promise<{ site: Site; other: Site; visitor: Visitor }> => {
    const { site, other } = await open({ sessions: { absoluteTimeout: "1h" } });
    const visitor = await enter();
    await visitor.openTab(`${site.url}/login/1`);
    site.clock.advance(3_700_000);
    expect(await visitor.who(site)).toBe("nobody");
    expect(await visitor.cookies()).toHaveLength(1);
    return { site, other, visitor };
  };

  test("keeps a login although a first write that began before it comes to its end later", async () => {
    const { site, other, visitor } = await enterLate();
    const tab = await visitor.openTab(`${site.url}/blank`);
    const writing = send(tab, "/set/late?before=slow");
    await site.gates.reached("slow");
    await visitor.openTab(`${other.url}/login/1`);
    site.gates.open("slow");
    expect(await writing).toEqual({ status: 400, who: "ERR_SESSION_INTERRUPTED" });
    expect(await visitor.who(site)).toBe("user 1");
  });

  test("keeps a login although a first write before it is answered later", async () => {
    const { site, other, visitor } = await enterLate();
    const tab = await visitor.openTab(`${site.url}/blank`);
    const writing = send(tab, "/write/early?after=slow");
    await site.gates.reached("slow");
    await visitor.openTab(`${other.url}/login/1`);
    site.gates.open("slow");
    expect(await writing).toEqual({ status: 200, who: "nobody" });
    expect(await visitor.who(site)).toBe("user 1");
  });

  test("keeps the cookie through pages that only read: another response may have set it", async () => {
    const { site, visitor } = await enterLate();
    const before = await visitor.cookies();
    await visitor.who(site);
    expect(await visitor.cookies()).toEqual(before);
  });
});

describeSitesOnStores("a new visitor", (enter, open) => {
  test("whose first page begins the session has one session, whatever the page's requests do in parallel", async () => {
    const [{ site }, visitor] = [await open(), await enter()];
    let created = 0;
    site.sessions.on("created", () => created++);
    // The advice of docs/guides/concurrency.md: the page, not its parallel requests, begins the session.
    const tab = await visitor.openTab(`${site.url}/set/begun`);
    const writing = send(tab, "/set/late?before=slow");
    await site.gates.reached("slow");
    const others = await Promise.all([1, 2, 3, 4].map((n) => send(tab, `/write/${n}`)));
    expect(others.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await send(tab, "/login/1")).toEqual({ status: 200, who: "user 1" });
    site.gates.open("slow");
    expect((await writing).status).toBe(400);
    expect({ who: await visitor.who(site), created }).toEqual({ who: "user 1", created: 1 });
  });

  test("without a cookie has the session of the answer that comes last: nothing tells the requests from strangers'", async () => {
    const [{ site }, visitor] = [await open(), await enter()];
    const tab = await visitor.openTab(`${site.url}/blank`);
    const writing = send(tab, "/set/late?before=slow");
    await site.gates.reached("slow");
    await send(tab, "/login/1");
    site.gates.open("slow");
    await writing;
    expect(await visitor.who(site)).toBe("nobody");
    expect(await site.devicesOf("1")).toBe(1);
  });
});
