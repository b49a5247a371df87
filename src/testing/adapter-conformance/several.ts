import assert from "node:assert/strict";

import { nodeSessions } from "../../adapters/node/index.ts";
import type { AdapterTestMount } from "./application.ts";
import {
  type ConformanceContext,
  type ConformanceTests,
  COUNT,
  ERROR_PAGE,
  routeOf,
  turns,
  writing,
} from "./support.ts";

/** Tests of several mounts. */
export const SEVERAL: ConformanceTests = {
  async "mounted twice for the same sessions: one session, loaded and saved once"({ context, store }) {
    const sessions = context.openSessions();
    await context.startWith(
      [mountOf(sessions), mountOf(sessions)],
      [routeOf("GET /count", (request) => COUNT(sessions, request))],
    );
    const visitor = context.visitor();
    assert.equal((await visitor.get("/count")).setCookie.length, 1);
    store.takeCalls();
    assert.equal((await visitor.get("/count")).body, "visit 2");
    assert.equal(store.takeCalls().length, 2);
  },

  async "two kinds of sessions on one application: both are kept, and the response waits for both"({
    context,
    store,
  }) {
    await startTwoKinds(context);
    const visitor = context.visitor();
    const write = store.holdWrites();
    const exchange = visitor.open("/count");
    await writing(write, exchange);
    await turns();
    assert.equal(exchange.hasStarted, false);
    store.release();
    const { setCookie } = await exchange.end();
    const names = new Set(setCookie.map((cookie) => cookie.split("=")[0]));
    assert.deepEqual([setCookie.length, names], [2, new Set(["sessionid", "adminid"])]);
    visitor.keep(setCookie);
    assert.equal((await visitor.get("/count")).body, "visit 2");
  },

  async "two kinds of sessions on one application: a failed save sets no cookie of either"({
    context,
    store,
  }) {
    await startTwoKinds(context);
    store.failWrites();
    const reply = await context.visitor().get("/count");
    assert.deepEqual([reply.status, reply.body, reply.setCookie], [500, ERROR_PAGE, []]);
  },
};

/** Starts an application with two kinds of sessions, whose page counts its visits in both. */
async function startTwoKinds(context: ConformanceContext): Promise<void> {
  const [shop, admin] = [context.openSessions(), context.openSessions({ name: "adminid" })];
  await context.startWith(
    [mountOf(shop), mountOf(admin)],
    [
      routeOf("GET /count", async (request) => {
        await COUNT(shop, request);
        return COUNT(admin, request);
      }),
    ],
  );
}

function mountOf(sessions: AdapterTestMount["sessions"]): AdapterTestMount {
  return { sessions, crossSite: "interrupt", eager: false };
}

/** Tests of applications beneath another adapter. */
export const BESIDE: ConformanceTests = {
  async "beneath nodeSessions() with the same sessions: one session, loaded and saved once"({
    start,
    store,
  }) {
    const visitor = await start(
      { "GET /count": COUNT },
      { around: (sessions) => (listener) => nodeSessions(sessions, listener) },
    );
    assert.equal((await visitor.get("/count")).setCookie.length, 1);
    store.takeCalls();
    assert.equal((await visitor.get("/count")).body, "visit 2");
    assert.equal(store.takeCalls().length, 2);
  },

  async "beneath nodeSessions(): a failed save goes to the application's error handler"({
    start,
    store,
    errors,
  }) {
    const visitor = await start(
      { "GET /count": COUNT },
      { around: (sessions) => (listener) => nodeSessions(sessions, listener) },
    );
    store.failWrites();
    const reply = await visitor.get("/count");
    assert.deepEqual([reply.status, reply.body, reply.setCookie], [500, ERROR_PAGE, []]);
    assert.equal(errors.length, 1);
  },
};

/** Tests of the framework's injection. */
export const INJECTION: ConformanceTests = {
  async "an injected request has its session, and its response the cookie"({ context, start, visitor }) {
    await start({ "GET /count": COUNT });
    const injected = visitor();
    const first = await context.inject({ method: "GET", path: "/count", headers: {} });
    assert.deepEqual([first.status, first.body, first.setCookie.length], [200, "visit 1", 1]);
    injected.keep(first.setCookie);
    const headers = { cookie: injected.cookieHeader ?? "" };
    const second = await context.inject({ method: "GET", path: "/count", headers });
    assert.equal(second.body, "visit 2");
  },

  async "an injected request whose save fails gets the error response"({ context, start, store }) {
    await start({ "GET /count": COUNT });
    store.failWrites();
    const reply = await context.inject({ method: "GET", path: "/count", headers: {} });
    assert.deepEqual([reply.status, reply.body, reply.setCookie], [500, ERROR_PAGE, []]);
  },
};
