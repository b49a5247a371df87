import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import type { Express, Request } from "express";
import { expect, test } from "vitest";
import { mountFor } from "./guides/front-end.ts";
import { describeSites, Site } from "./support/site.ts";

describeSites("two applications on one host and two ports", (enter) => {
  const visitBoth = async (names: readonly [string, string]): Promise<string[]> => {
    const shop = await Site.open({ sessions: { cookie: { name: names[0] } } });
    const desk = await Site.open({ sessions: { cookie: { name: names[1] } } });
    const visitor = await enter();
    await visitor.openTab(`${shop.url}/login/1`);
    await visitor.openTab(`${desk.url}/login/2`);
    return [await visitor.who(shop), await visitor.who(desk)];
  };

  test("log each other's users out when their cookies have the same name: cookies do not know ports", async () => {
    expect(await visitBoth(["sessionid", "sessionid"])).toEqual(["nobody", "user 2"]);
    expect(await visitBoth(["__Host-session", "__Host-session"])).toEqual(["nobody", "user 2"]);
  });

  test("keep their logins with a name each", async () => {
    expect(await visitBoth(["sessionid_shop", "sessionid_desk"])).toEqual(["user 1", "user 2"]);
  });
});

describeSites("a front end on another port", (enter) => {
  const callApi = async (mount?: (app: Express, api: Site, frontEnd: string) => void): Promise<unknown> => {
    const frontEnd = await Site.open();
    const api = await Site.open({
      adapter: mount === undefined ? { crossSite: "refuse" } : {},
      before: (app, site) => mount?.(app, site, frontEnd.url),
    });
    const tab = await (await enter()).openTab(`${frontEnd.url}/blank`);
    await tab.evaluate(callScript(`${api.url}/login/1`));
    return tab.evaluate(callScript(`${api.url}/who`));
  };

  test("is kept out by the browser, and by crossSite, without more", async () => {
    expect(await callApi()).toBe("Failed to fetch");
  });

  test("works with its origin named to the browser and to the adapter", async () => {
    expect(await callApi((app, { sessions }, frontEnd) => mountFor(app, sessions, frontEnd))).toBe(
      "200 user 1",
    );
  });

  test("works through the proxy of its development server without any of it", async () => {
    const sessions = { cookie: { secure: "auto" } } as const;
    const api = await Site.open({ scheme: "http", sessions, adapter: { crossSite: "refuse" } });
    const frontEnd = await Site.open({
      before: (app) =>
        void app.use("/api", async (req, res) => {
          const answer = await forward(req, api);
          res.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(res);
        }),
    });
    const tab = await (await enter()).openTab(`${frontEnd.url}/blank`);
    await tab.evaluate(callScript("/api/login/1"));
    expect(await tab.evaluate(callScript("/api/who"))).toBe("200 user 1");
  });
});

/** A call with cookies, and what came of it: its status and title. */
function callScript(url: string): string {
  return `fetch(${JSON.stringify(url)}, { method: "POST", credentials: "include" })
    .then(async (answer) => answer.status + " " + /<title>(.*)<.title>/.exec(await answer.text())[1])
    .catch((error) => error.message)`;
}

/** Sends the same request to another port, as the proxies of development servers do. */
async function forward({ url, method, headers }: Request, { port }: Site): Promise<IncomingMessage> {
  const outgoing = request({ host: "127.0.0.1", port, path: url, method, headers }).end();
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  return answer;
}
