import express from "express";
import { SessionInterrupted } from "sojourn";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWithRedis } from "../../../test/support/redis-server.ts";
import { errorPage } from "../errors.ts";
import { users, authenticate } from "../../shared/users.ts";
import { html } from "../../shared/views/html.ts";
import { OpenShop, serve } from "./support.ts";

const PAGES = ["/", "/cart", "/login", "/account", "/race", "/news", "/record"];

describe("over HTTP", () => {
  let shop: OpenShop;
  beforeAll(async () => {
    shop = await OpenShop.start("memory");
  });
  afterAll(() => shop.stop());

  const post = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(shop.url + path, { method: "POST", redirect: "manual", ...init });

  test.for(PAGES)("a visitor who only looks at %s gets no session", async (path) => {
    const response = await fetch(shop.url + path);
    expect(response.status).toBe(200);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  test.for(PAGES)("%s has nothing that its content security policy forbids", async (path) => {
    const response = await fetch(shop.url + path);
    expect(response.headers.get("content-security-policy")).toContain(
      "default-src 'none'; script-src 'self'; style-src 'self'",
    );
    expect(response.headers.get("content-security-policy")).not.toContain("unsafe");
    expect(await response.text()).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+="|javascript:/);
  });

  test("no cache keeps a page, and the pictures and scripts need no session", async () => {
    expect((await fetch(`${shop.url}/cart`)).headers.get("cache-control")).toBe("no-store");
    const script = await fetch(`${shop.url}/live.mjs`);
    expect(script.headers.get("content-type")).toContain("text/javascript");
    expect(script.headers.get("vary") ?? "").not.toContain("Cookie");
  });

  test("input of a visitor is text in the page, not markup", async () => {
    const body = new URLSearchParams({ login: `"><script>alert(1)</script>`, password: "x" });
    const page = await (await post("/login", { body })).text();
    expect(page).not.toContain("<script>alert");
    expect(page).toContain("&#60;script&#62;");
  });

  test.for([
    { Origin: "https://elsewhere.example" },
    { Origin: "null" },
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site" },
  ])("a form of another site is refused: %o", async (headers) => {
    const response = await post("/cart/mug/add", { headers });
    expect(response.status).toBe(403);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  test.for([
    ["/cart/unicorn/add", 404],
    ["/cart/__proto__/add", 404],
    ["/race/sojourn/notes/21", 404],
    ["/race/toString/count", 404],
    ["/race/sojourn/count", 409],
    ["/nowhere", 404],
    ["/cart/%ff/add", 400],
  ] as const)("%s is answered with a page and status %d", async ([path, status]) => {
    const response = await post(path);
    expect(response.status).toBe(status);
    expect(await response.text()).toMatch(/<h1>[^<]+<\/h1>/);
  });

  test("a body that is too large is refused", async () => {
    const response = await post("/login", { body: new URLSearchParams({ login: "a".repeat(5000) }) });
    expect(response.status).toBe(413);
  });
});

describe("errors", () => {
  test("a session that was ended meanwhile asks the visitor to try again", async () => {
    const { response, logged } = await answerTo(new SessionInterrupted());
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("Please try that again");
    expect(logged).toEqual([]);
  });

  test("anything else is logged, and no visitor sees a stack trace", async () => {
    const error = new Error("secret detail");
    const { response, logged } = await answerTo(error);
    expect(response.status).toBe(500);
    const page = await response.text();
    expect(page).toContain("We could not do that just now");
    expect(page).not.toMatch(/secret detail|node_modules|\bat \w+ \(/);
    expect(logged).toEqual([error]);
  });

  test("an error page shows no login, since it does not load the session", async () => {
    const { response } = await answerTo(new Error("for the log"));
    expect(response.headers.get("retry-after")).toBeNull();
    const [head = ""] = (await response.text()).split("<main");
    expect(head).toContain(">Account<");
    expect(head).not.toContain("Log in");
  });

  describeWithRedis("when Redis is gone", () => {
    test("a change is an error page, and a visitor without a session still sees the shop", async () => {
      const logged: unknown[] = [];
      const shop = await OpenShop.start("Redis", { log: (error) => logged.push(error) });
      await shop.redis?.kill();
      const response = await fetch(`${shop.url}/cart/mug/add`, { method: "POST" });
      expect({ status: response.status, retryAfter: response.headers.get("retry-after") }).toEqual({
        status: 503,
        retryAfter: "1",
      });
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(await response.text()).toContain("We could not do that just now");
      expect(logged).toMatchObject([{ code: "ERR_STORE_CONNECTION" }]);
      expect((await fetch(shop.url)).status).toBe(200);
      await shop.stop();
    });
  });

  async function answerTo(error: Error): Promise<{ response: Response; logged: unknown[] }> {
    const logged: unknown[] = [];
    const app = express().get("/", () => {
      throw error;
    });
    app.use(errorPage((each) => logged.push(each)));
    const { url, stop } = await serve(app);
    const response = await fetch(url);
    await response.clone().text();
    await stop();
    return { response, logged };
  }
});

describe("passwords", () => {
  test.for(users)(
    "$login logs in with the password on the login page",
    async ({ login, demoPassword, id }) => {
      expect(await authenticate(` ${login.toUpperCase()} `, demoPassword)).toMatchObject({ id });
    },
  );

  test("a wrong password, another's, an empty one and an unknown name do not log in", async () => {
    const [mira, jonas] = users;
    expect(await authenticate("mira", "harbour lights")).toBeUndefined();
    expect(await authenticate(mira?.login ?? "", jonas?.demoPassword ?? "")).toBeUndefined();
    expect(await authenticate("mira", "")).toBeUndefined();
    expect(await authenticate("nobody", "nobody has this one")).toBeUndefined();
  });
});

describe("html", () => {
  test("escapes text and joins what is markup already", () => {
    const item = (text: string) => html`<li title="${text}">${text}</li>`;
    const list = html`<ul>
      ${["a", `"<&'>`].map(item)}${false}${undefined}${0}
    </ul>`;
    expect(list.toString().replace(/\n\s*/g, "")).toBe(
      `<ul><li title="a">a</li><li title="&#34;&#60;&#38;&#39;&#62;">&#34;&#60;&#38;&#39;&#62;</li>0</ul>`,
    );
  });
});
