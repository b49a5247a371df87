import assert from "node:assert/strict";

import { StoreConnectionError } from "../../core/errors.ts";
import { pause } from "../../core/timers.ts";
import {
  assertIsError,
  type ConformanceTests,
  COUNT,
  ERROR_PAGE,
  SHOW,
  shown,
  turns,
  USER,
  type Work,
} from "./support.ts";

/** An error of a handler. */
class HandlerError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number) {
    super("a secret detail of the handler's error");
    this.statusCode = statusCode;
  }
}

/** Tests of errors, and of clients that leave. */
export const ERRORS: ConformanceTests = {
  async "a failed save goes to the application's error handler, once, and its page is the response"({
    store,
    start,
    errors,
  }) {
    const visitor = await start({ "GET /count": COUNT });
    store.failWrites();
    const reply = await visitor.get("/count");
    assertIsError(reply, "visit 1");
    assert.deepEqual([reply.status, reply.body], [500, ERROR_PAGE]);
    assert.equal(errors.length, 1);
    assert.ok(errors[0] instanceof StoreConnectionError);
  },

  async "a failed `save()` is an error of the handler, and the next request works"({ store, start }) {
    const visitor = await start({ "GET /count": COUNT, "POST /save": saveAtOnce });
    await visitor.get("/count");
    store.failWrites();
    assert.deepEqual(bodyOf(await visitor.post("/save")), [500, ERROR_PAGE]);
    store.repair();
    assert.deepEqual(bodyOf(await visitor.get("/count")), [200, "visit 2"]);
  },

  async "an error of the handler is the response, and its deferred changes are dropped"({ start, errors }) {
    const visitor = await start({
      "GET /count": COUNT,
      "GET /show": SHOW,
      "GET /broken": async (sessions, request) => {
        const session = await sessions.from(request);
        session.data["broken"] = true;
        throw new HandlerError(500);
      },
    });
    await visitor.get("/count");
    const reply = await visitor.get("/broken");
    assert.deepEqual([reply.status, reply.body, reply.setCookie], [500, ERROR_PAGE, []]);
    assert.ok(errors[0] instanceof HandlerError);
    assert.deepEqual(await shown(visitor), { visits: 1 });
  },

  async "an error of the handler that is answered with a 4xx saves its changes"({ start }) {
    const visitor = await start({
      "GET /show": SHOW,
      "GET /missing": async (sessions, request) => {
        const session = await sessions.from(request);
        session.data["missed"] = true;
        throw new HandlerError(404);
      },
    });
    assert.deepEqual(bodyOf(await visitor.get("/missing")), [404, ERROR_PAGE]);
    assert.deepEqual(await shown(visitor), { missed: true });
  },

  async "a login stays when the handler fails after it: the error response carries its cookie"({ start }) {
    const visitor = await start({
      "GET /user": USER,
      "POST /login": async (sessions, request) => {
        await (await sessions.from(request)).login("42");
        throw new HandlerError(500);
      },
    });
    assert.deepEqual(bodyOf(await visitor.post("/login")), [500, ERROR_PAGE]);
    assert.equal((await visitor.get("/user")).body, "42");
  },

  async "a request whose client leaves is saved all the same"({ start, store }) {
    let [noteEntry, leave] = [() => {}, () => {}];
    const entered = new Promise<void>((resolve) => {
      noteEntry = resolve;
    });
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const visitor = await start({
      "GET /count": COUNT,
      "GET /show": SHOW,
      "GET /slow": async (sessions, request) => {
        const session = await sessions.from(request);
        noteEntry();
        await left;
        session.data["slow"] = true;
        return { kind: "text", body: "the page" };
      },
    });
    await visitor.get("/count");
    const exchange = visitor.open("/slow");
    await entered;
    store.takeCalls();
    exchange.leave();
    await exchange.end();
    await turns();
    leave();
    for (let waited = 0; waited < 5000 && !store.calls.includes("commit"); waited++) await pause(1);
    assert.deepEqual(await shown(visitor), { visits: 1, slow: true });
  },
};

const saveAtOnce: Work = async (sessions, request) => {
  const session = await sessions.from(request);
  session.data["saved"] = true;
  await session.save();
  return { kind: "text", body: "saved" };
};

function bodyOf({ status, body }: { readonly status: number; readonly body: string }): [number, string] {
  return [status, body];
}
