import assert from "node:assert/strict";

import { CrossSiteError, SessionInterrupted } from "../../core/errors.ts";
import { type ConformanceTests, COUNT, ERROR_PAGE, type Work } from "./support.ts";

const WRITE: Work = async (sessions, request) => {
  const session = await sessions.from(request);
  session.data["written"] = true;
  return { kind: "text", body: "written" };
};

const FROM_ELSEWHERE = { "sec-fetch-site": "cross-site", origin: "https://evil.example" };

/** Headers of a proxy that speaks TLS with visitors. */
const FORWARDED = { "x-forwarded-proto": "https", "x-forwarded-host": "shop.example" };

/** Tests of requests from other sites. */
export const CROSS_SITE: ConformanceTests = {
  async "crossSite by default: a POST of another site that came without the cookie begins no session"({
    start,
    errors,
  }) {
    const visitor = await start({ "POST /write": WRITE });
    const reply = await visitor.post("/write", FROM_ELSEWHERE);
    assert.deepEqual([reply.status, reply.body, reply.setCookie], [400, ERROR_PAGE, []]);
    assert.ok(errors[0] instanceof SessionInterrupted);
  },

  async "crossSite: refuse makes a POST of another site a 403 of the error handler, and runs no handler"({
    start,
    store,
    errors,
  }) {
    let runs = 0;
    const visitor = await start(
      {
        "POST /write": async (...args) => {
          runs++;
          return WRITE(...args);
        },
      },
      { crossSite: "refuse" },
    );
    const reply = await visitor.post("/write", FROM_ELSEWHERE);
    assert.deepEqual([reply.status, reply.body, reply.setCookie], [403, ERROR_PAGE, []]);
    assert.ok(errors[0] instanceof CrossSiteError);
    assert.deepEqual([runs, store.takeCalls()], [0, []]);
    assert.equal((await visitor.post("/write")).body, "written");
  },

  async "crossSite: refuse lets requests of the same origin through"({ start, context }) {
    const visitor = await start({ "POST /write": WRITE }, { crossSite: "refuse" });
    const own = { origin: `http://127.0.0.1:${context.port}` };
    assert.equal((await visitor.post("/write", own)).body, "written");
    const neighbour = { origin: `http://127.0.0.1:${context.port + 1}` };
    assert.equal((await visitor.post("/write", neighbour)).status, 403);
  },

  async "crossSite: trusted origins are let through, and others refused"({ start }) {
    const visitor = await start(
      { "POST /write": WRITE },
      { crossSite: { trustedOrigins: ["https://admin.example"] } },
    );
    assert.equal((await visitor.post("/write", { origin: "https://admin.example" })).body, "written");
    assert.equal((await visitor.post("/write", FROM_ELSEWHERE)).status, 403);
  },
};

/** Tests of `eager`. */
export const EAGER: ConformanceTests = {
  async "eager: the handler has the session when it starts"({ start }) {
    const visitor = await start(
      {
        "GET /page": async (_sessions, _request, session) => {
          assert.ok(session, "the handler has got no session");
          session.data["visits"] = Number(session.data["visits"] ?? 0) + 1;
          return { kind: "text", body: String(session.data["visits"]) };
        },
      },
      { eager: true },
    );
    assert.equal((await visitor.get("/page")).body, "1");
    assert.equal((await visitor.get("/page")).body, "2");
  },

  async "eager: a session that cannot be loaded goes to the error handler, and no handler runs"({
    start,
    store,
  }) {
    let runs = 0;
    const visitor = await start(
      {
        "GET /page": async (...args) => {
          runs++;
          return COUNT(...args);
        },
      },
      { eager: true },
    );
    await visitor.get("/page");
    store.failReads();
    const reply = await visitor.get("/page");
    assert.deepEqual([reply.status, reply.body, runs], [500, ERROR_PAGE, 1]);
  },
};

/** Tests of proxies. */
export const PROXIES: ConformanceTests = {
  async "the framework trusts its proxy: TLS and host are those that the visitor used"({ start }) {
    const visitor = await start(
      { "POST /write": WRITE },
      { secure: "auto", trustsProxy: true, crossSite: "refuse" },
    );
    const reply = await visitor.post("/write", { ...FORWARDED, origin: "https://shop.example" });
    assert.equal(reply.body, "written");
    assert.match(reply.setCookie[0] ?? "", /;\s*Secure\b/i);
  },

  async "the framework trusts no proxy: forwarded headers change nothing"({ start, visitor }) {
    const first = await start({ "POST /write": WRITE }, { secure: "auto", crossSite: "refuse" });
    const reply = await first.post("/write", FORWARDED);
    assert.equal(reply.body, "written");
    assert.doesNotMatch(reply.setCookie[0] ?? "", /;\s*Secure\b/i);
    const forged = await visitor().post("/write", { ...FORWARDED, origin: "https://shop.example" });
    assert.equal(forged.status, 403);
  },
};
