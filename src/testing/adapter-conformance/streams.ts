import assert from "node:assert/strict";

import {
  type ConformanceParts,
  type ConformanceTests,
  COUNT,
  SHOW,
  shown,
  turns,
  writing,
} from "./support.ts";

/** A promise that a test resolves. */
class Signal {
  readonly promise: Promise<void>;
  send: () => void = () => {};

  constructor() {
    this.promise = new Promise((resolve) => {
      this.send = resolve;
    });
  }
}

/** Starts an application with a stream that changes its session after the first part. */
async function startLate({ start }: ConformanceParts, kind: "stream" | "events", goOn: Promise<void>) {
  const visitor = await start({
    "GET /count": COUNT,
    "GET /show": SHOW,
    "GET /stream": async (sessions, request) => {
      const session = await sessions.from(request);
      const parts = async function* () {
        yield "data: first\n\n";
        await goOn;
        session.data["late"] = true;
        yield "data: last\n\n";
      };
      return kind === "stream" ? { kind, chunks: parts() } : { kind, events: parts() };
    },
  });
  await visitor.get("/count");
  return visitor;
}

function streamTests(kind: "stream" | "events", name: string): ConformanceTests {
  return {
    async [`${name}: parts arrive while it goes on`](context) {
      const goOn = new Signal();
      const visitor = await startLate(context, kind, goOn.promise);
      const exchange = visitor.open("/stream");
      await exchange.bodyWith("first");
      assert.ok(!exchange.body.includes("last"));
      goOn.send();
      assert.equal((await exchange.end()).isComplete, true);
      assert.equal(exchange.body, "data: first\n\ndata: last\n\n");
    },

    async [`${name}: its end waits until late changes are saved`](context) {
      const goOn = new Signal();
      const visitor = await startLate(context, kind, goOn.promise);
      const exchange = visitor.open("/stream");
      await exchange.bodyWith("first");
      const write = context.store.holdWrites();
      goOn.send();
      await writing(write, exchange);
      await turns();
      assert.equal(exchange.isComplete, false, "the stream has ended before the store's answer");
      context.store.release();
      assert.equal((await exchange.end()).isComplete, true);
      assert.deepEqual(await shown(visitor), { visits: 1, late: true });
    },

    async [`${name}: it is cut when late changes cannot be saved`](context) {
      const goOn = new Signal();
      const visitor = await startLate(context, kind, goOn.promise);
      const exchange = visitor.open("/stream");
      await exchange.bodyWith("first");
      context.store.failWrites();
      goOn.send();
      assert.equal((await exchange.end()).isComplete, false, "the stream looks complete");
      context.store.repair();
      assert.deepEqual(await shown(visitor), { visits: 1 });
    },
  };
}

/** Tests of streams. */
export const STREAMS: ConformanceTests = streamTests("stream", "a stream");

/** Tests of server-sent events. */
export const EVENTS: ConformanceTests = streamTests("events", "server-sent events");
