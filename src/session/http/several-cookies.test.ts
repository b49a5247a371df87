import { describe, expect, test } from "vitest";
import { Browser, openHarness } from "../../../test/support/session-harness.ts";

describe("several cookies of the name", () => {
  test("the first with a live session counts; a logout ends all of them and clears earlier ones", async () => {
    const { sessions, keys, events } = openHarness({
      cookie: { domain: "shop.example", previous: [{}, { path: "/shop", domain: "www.shop.example" }] },
    });
    const one = (await sessions.create({ a: 1 })).cookieHeader ?? "";
    const two = (await sessions.create({ b: 2 })).cookieHeader ?? "";
    const dead = `sessionid=${"q".repeat(32)}`;
    const browser = new Browser(sessions, [dead, two, one].join("; "));
    const request = browser.begin();
    expect({ ...(await request.session()).data }).toStrictEqual({ b: 2 });
    await (await request.session()).logout();
    await request.finish(303);
    expect(await keys()).toStrictEqual([]);
    expect(request.setCookie).toHaveLength(3);
    for (const line of request.setCookie) expect(line).toContain("Max-Age=0");
    expect(request.setCookie[0]).not.toContain("Domain");
    expect(request.setCookie[1]).toContain("Domain=www.shop.example; Path=/shop".split("; ")[0]);
    expect(request.setCookie[2]).toContain("Domain=shop.example");
    expect(events.map(({ event }) => event)).toMatchObject([{ reason: "duplicate" }, { reason: "unknown" }]);
  });

  test("earlier cookies are cleared with the next cookie that is set, and only if needed", async () => {
    const { sessions } = openHarness({ cookie: { domain: "shop.example", previous: [{}] } });
    const one = new Browser(sessions).begin();
    await (await one.session()).login(7);
    await one.finish();
    expect(one.setCookie).toHaveLength(1);
    const both = `sessionid=${"q".repeat(32)}; ${one.setCookie[0]?.split(";")[0]}`;
    const again = new Browser(sessions, both).begin();
    await (await again.session()).login(7);
    await again.finish();
    expect(again.setCookie).toHaveLength(2);
    expect(again.setCookie[0]).toContain("Max-Age=0");
  });
});
