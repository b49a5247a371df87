import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import type { NodeErrorHandler } from "sojourn/adapters/node";
import { runtime } from "../../support/runtime.ts";
import { turns, watchProcess } from "./support/http.ts";
import { isHttp2 } from "./support/protocol.ts";
import { defer, saveError } from "./support/stub-sessions.ts";
import { answerPlainly, serveFailing, ticking } from "./support/failing.ts";

describe("a handler that still writes when its session could not be saved", () => {
  /** Handlers that go on for ever; `over` is called when one of them has noticed that it is over. */
  const WRITERS: Record<string, (response: ServerResponse) => unknown> = {
    "a stream that is piped": (response) => ticking().pipe(response),
    "a pipeline": (response) => pipeline(ticking(), response).catch(() => {}),
    "an endless loop that waits for drain": async (response) => {
      const chunk = "tick ".repeat(10_000);
      while (!response.destroyed && !response.closed) {
        if (!response.write(chunk))
          await once(response, "drain", { signal: AbortSignal.timeout(5000) }).catch(() => {});
        await turns(1);
      }
    },
    "a timer": (response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      const timer = setInterval(() => response.write("data: tick\n\n"), 1);
      response.on("close", () => setTimeout(() => clearInterval(timer), 20));
    },
  };

  const ERROR_HANDLERS: Record<string, NodeErrorHandler> = {
    "answers at once": answerPlainly,
    "answers later, in pieces": async (_error, _request, response) => {
      await turns(30);
      response.writeHead(500, { "Content-Type": "text/plain" });
      response.write("sor");
      await turns(30);
      response.end("ry");
    },
    "pipes its answer": (_error, _request, response) => {
      response.setHeader("Content-Type", "text/plain");
      Readable.from(["sor", "ry"]).pipe(response);
    },
  };

  describe.each(Object.entries(WRITERS))("%s", (_writer, write) => {
    test.each(Object.entries(ERROR_HANDLERS))(
      "the error handler %s: the client gets its answer alone",
      async (_, onError) => {
        const crashes = watchProcess();
        const { server } = await serveFailing((response) => {
          response.on("error", (error) => crashes.push(error));
          return write(response);
        }, onError);
        const [first, second] = await Promise.all([server.get(), server.get()]);
        expect([first.status, first.body]).toEqual([500, "sorry"]);
        expect(second.body).toBe("sorry");
        await turns(50);
        expect(crashes).toEqual([]);
      },
    );
  });

  test("is not woken by a large error page that waits for drain", async () => {
    const page = "e".repeat(5_000_000);
    const { server } = await serveFailing(
      (response) => {
        response.on("drain", () => response.write("tick ".repeat(20_000)));
        response.write("tick ".repeat(20_000));
      },
      (_error, _request, response) => {
        response.setHeader("Content-Type", "text/plain");
        Readable.from(page.match(/.{1,50000}/g) ?? []).pipe(response);
      },
    );
    expect((await server.get()).body === page).toBe(true);
  });

  test("may write after the end of the error response, which is still on its way, without harm", async () => {
    const [crashes, ended] = [watchProcess(), defer<ServerResponse>()];
    const { server } = await serveFailing(
      (response) => {
        response.on("error", (error) => crashes.push(error));
        response.end("ok");
      },
      (_error, _request, response) => {
        response.end("e".repeat(20_000_000));
        ended.resolve(response);
      },
    );
    const client = await server.connect();
    client.socket.pause();
    client.get("/");
    const response = await ended.promise;
    response.write("late");
    response.end("later");
    await turns();
    // Deno takes the whole page at once.
    expect(response.writableFinished).toBe(runtime === "deno" && !isHttp2);
    expect(crashes).toEqual([]);
  });

  test("comes to its end: a writer that waits is woken, and told nothing went wrong with the stream", async () => {
    const done = defer();
    const { server } = await serveFailing(async (response) => {
      for (let count = 0; count < 20; count++) {
        if (!response.write("x".repeat(100_000))) await once(response, "drain");
      }
      response.end();
      done.resolve();
    });
    expect((await server.get()).body).toBe("sorry");
    await done.promise;
  });

  test("cannot get at the client by methods that it has kept either", async () => {
    const { server } = await serveFailing(
      async (response) => {
        const names = ["writeHead", "flushHeaders", "write", "end"] as const;
        const kept = names.map((name) => (response[name] as (...args: unknown[]) => unknown).bind(response));
        response.write("held");
        await turns(10);
        for (const [index, method] of kept.entries()) method(index === 0 ? 200 : "late");
      },
      async (_error, _request, response) => {
        await turns(30);
        response.end("sorry");
      },
    );
    expect(await server.get()).toMatchObject({ status: 500, body: "sorry" });
  });

  test("hears in its callbacks that nothing was written", async () => {
    const [told, error] = [defer<unknown>(), saveError()];
    const { server } = await serveFailing(
      async (response) => {
        response.write("held");
        await turns(10);
        response.write("late", (failure) => told.resolve(failure));
      },
      answerPlainly,
      error,
    );
    expect((await server.get()).body).toBe("sorry");
    expect(await told.promise).toBe(error);
  });

  describe("an error handler whose library loses the context is heard", () => {
    /** Calls what it is given from a context of its own, as pools of connections do. */
    function foreignContext(): (act: () => void) => void {
      const queue: (() => void)[] = [];
      const timer = setInterval(() => queue.shift()?.(), 1);
      onTestFinished(() => clearInterval(timer));
      return (act) => void queue.push(act);
    }

    test("when the handler still writes: from its first header on", async () => {
      const later = foreignContext();
      const { server } = await serveFailing(
        (response) => void response.write("begin"),
        (_error, _request, response) =>
          later(() => {
            response.setHeader("Content-Type", "text/plain");
            response.end("sorry");
          }),
      );
      expect((await server.get()).body).toBe("sorry");
    });

    test("when the handler was done: at once", async () => {
      const later = foreignContext();
      const { server } = await serveFailing(
        (response) => response.end("ok"),
        (_error, _request, response) => later(() => response.end("sorry")),
      );
      expect(await server.get()).toMatchObject({ status: 500, body: "sorry" });
    });
  });
});
