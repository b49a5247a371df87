import { describe, expect, test } from "vitest";
import { Browser, openHarness } from "../../test/support/session-harness.ts";

describe("parallel requests", () => {
  test("20 requests that change 20 keys: 20 survive", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["start"] = 0));
    const requests = Array.from({ length: 20 }, () => browser.begin());
    const opened = await Promise.all(requests.map((request) => request.session()));
    opened.forEach((session, index) => (session.data[`k${index}`] = index));
    await Promise.all(requests.map((request) => request.finish()));
    const keys = await browser.request((session) => Object.keys(session.data));
    expect(keys).toHaveLength(21);
  });

  test("20 requests that change 20 parts of one new object: 20 survive", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["start"] = 0));
    const requests = Array.from({ length: 20 }, () => browser.begin());
    const opened = await Promise.all(requests.map((request) => request.session()));
    opened.forEach((session, index) => {
      session.data["cart"] ??= {};
      session.data["cart"][`p${index}`] = index;
    });
    await Promise.all(requests.map((request) => request.finish()));
    expect(await browser.request((session) => Object.keys(session.data["cart"]))).toHaveLength(20);
  });

  test("100 updates of one number count to 100, with 100 commits", async () => {
    const { sessions, calls } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["n"] = 0));
    calls.length = 0;
    await Promise.all(
      Array.from({ length: 100 }, () => browser.request((session) => session.update((data) => ++data["n"]))),
    );
    expect(await browser.request((session) => session.data["n"])).toBe(100);
    // Each reads, and commits on top of the version that the previous one left.
    expect(calls.filter((call) => call === "commit")).toHaveLength(100);
  });

  test("when both change the same part, the last committer wins and the conflict is reported", async () => {
    const { sessions, events } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["cart"] = { items: [1] }));
    const [first, second] = [browser.begin(), browser.begin()];
    (await first.session()).data["cart"].items = [1, 2];
    (await second.session()).data["cart"].items = [1, 3];
    await first.finish();
    await second.finish();
    expect(await browser.request((session) => session.data["cart"].items)).toStrictEqual([1, 3]);
    expect(events).toStrictEqual([{ name: "conflict", event: { path: ["cart", "items"] } }]);
  });

  test("a slow reader erases nothing", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    const slow = browser.begin();
    expect((await slow.session()).data["a"]).toBe(1);
    await browser.request((session) => (session.data["b"] = 2));
    await slow.finish();
    expect(await browser.request((session) => ({ ...session.data }))).toStrictEqual({ a: 1, b: 2 });
  });
});
