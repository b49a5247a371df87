import type { IncomingMessage, ServerResponse } from "node:http";
import express from "express";
import { Passport } from "passport";
import { Strategy as OAuth2Strategy } from "passport-oauth2";
import { createSojourn, type Sessions } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { describe, expect, onTestFinished } from "vitest";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { serve } from "../../support/serve.ts";
import { Jar } from "../../support/cookie-jar.ts";
import { OAuthStates, type WithOAuth } from "./passport/oauth-states.ts";
import { logInBy, makeSite, type SiteData, type Users } from "./passport/site.ts";

const ANN = { id: 7, name: "ann" };
const users: Users = {
  byPassword: async (name, password) => (name === "ann" && password === "secret" ? ANN : undefined),
  byId: async (id) => (id === "7" ? ANN : undefined),
};

function open(server: RedisServer): Sessions<SiteData & WithOAuth> {
  const sojourn = createSojourn<SiteData & WithOAuth>({
    projectName: "passport",
    secretKey: "a secret of the tests, long enough",
    redis: { default: server.settings },
    sessions: { cookie: { secure: "auto" } },
  });
  onTestFinished(() => sojourn.close());
  return sojourn.sessions;
}

describeWithRedis("the guide's site with Passport on Sojourn's own sessions", () => {
  test("a login has a new key, keeps the cart, and is on the user's list", async ({ server }) => {
    const sessions = open(server);
    const origin = await serve(makeSite(sessions, users));
    const visitor = new Jar();
    await visitor.post(origin, "/cart/tea");
    const anonymous = visitor.copy();
    expect(await visitor.logIn(origin)).toMatchObject({ status: 302 });
    expect(visitor.header).not.toBe(anonymous.header);
    expect(await visitor.home(origin)).toStrictEqual({ name: "ann", cart: { tea: 1 } });
    expect(await anonymous.home(origin)).toStrictEqual({ cart: {} });
    expect((await sessions.pageOfUser(7)).sessions).toHaveLength(1);
    await sessions.revokeUser(7);
    expect(await visitor.home(origin)).toStrictEqual({ cart: {} });
  });

  test("a failed login flashes a message once; a logout ends the session", async ({ server }) => {
    const origin = await serve(makeSite(open(server), users));
    const visitor = new Jar();
    await visitor.logIn(origin, "eve");
    const messages = JSON.parse((await visitor.get(origin, "/login")).body) as unknown;
    expect(messages).toStrictEqual([{ kind: "error", message: "No such user, or another password." }]);
    expect((await visitor.get(origin, "/login")).body).toBe("[]");
    await visitor.logIn(origin);
    const copy = visitor.copy();
    await visitor.post(origin, "/logout");
    expect([visitor.header, await copy.home(origin)]).toStrictEqual(["", { cart: {} }]);
  });

  test("a visitor comes back to the page that asked for a login", async ({ server }) => {
    const origin = await serve(makeSite(open(server), users));
    const visitor = new Jar();
    expect(await visitor.get(origin, "/account")).toMatchObject({ status: 302 });
    const { status, location } = await visitor.logIn(origin);
    expect([status, location]).toStrictEqual([302, "/account"]);
    expect(JSON.parse((await visitor.get(origin, "/account")).body)).toStrictEqual(ANN);
  });
});

describeWithRedis("the guide's OAuth states", () => {
  /** A site whose provider gives a token for a code and the verifier of the login. */
  async function openSite(server: RedisServer) {
    const sessions = open(server);
    const challenges: string[] = [];
    const provider = await serve((request: IncomingMessage, response: ServerResponse) => {
      let body = "";
      request.on("data", (chunk) => (body += String(chunk)));
      request.on("end", () => {
        challenges.push(new URLSearchParams(body).get("code_verifier") ?? "");
        response.setHeader("Content-Type", "application/json");
        response.end('{"access_token":"t","token_type":"bearer"}');
      });
    });
    const passport = new Passport();
    const options = {
      authorizationURL: `${provider}/authorize`,
      tokenURL: `${provider}/token`,
      clientID: "shop",
      clientSecret: "secret",
      callbackURL: "/back",
      pkce: true,
      state: true,
      store: new OAuthStates(sessions).asStore,
    };
    const verify = (
      _token: string,
      _refresh: string,
      _profile: object,
      done: (...found: unknown[]) => void,
    ) => done(null, ANN);
    passport.use("provider", new OAuth2Strategy(options, verify));
    const app = express();
    app.use(expressSessions(sessions));
    app.get(["/with", "/back"], logInBy(passport, "provider", sessions));
    app.get("/", async (req, res) => void res.json((await sessions.from(req)).userId ?? null));
    return { origin: await serve(app), challenges };
  }

  const stateOf = (page: { readonly location: string }): string =>
    new URL(page.location).searchParams.get("state") ?? "";

  test("two tabs log in, each with its own state and verifier, and a state counts once", async ({
    server,
  }) => {
    const { origin, challenges } = await openSite(server);
    const visitor = new Jar();
    const [one, two] = [
      stateOf(await visitor.get(origin, "/with")),
      stateOf(await visitor.get(origin, "/with")),
    ];
    expect(one).not.toBe(two);
    expect(await visitor.get(origin, `/back?code=c&state=${one}`)).toMatchObject({ location: "/" });
    expect(await visitor.home(origin)).toBe("7");
    expect(await visitor.get(origin, `/back?code=c&state=${two}`)).toMatchObject({ location: "/" });
    expect(new Set(challenges).size).toBe(2);
    expect(await visitor.get(origin, `/back?code=c&state=${two}`)).toMatchObject({ location: "/login" });
  });

  describe("a state that the visitor has not begun logs nobody in", () => {
    test.for(["", "&state=", "&state=another", "&state=__proto__"])("%s", async (query, { server }) => {
      const { origin, challenges } = await openSite(server);
      const visitor = new Jar();
      await visitor.get(origin, "/with");
      expect(await visitor.get(origin, `/back?code=c${query}`)).toMatchObject({ location: "/login" });
      expect([await visitor.home(origin), challenges]).toStrictEqual([null, []]);
    });
  });
});
