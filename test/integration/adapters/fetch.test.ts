import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { createSojourn, type CrossSiteError, SessionUsageError } from "sojourn";
import { fetchSessions, type FetchHandler } from "sojourn/adapters/fetch";
import { beforeEach, describe, expect, type MockInstance, onTestFinished, test, vi } from "vitest";
import { streamOf } from "../../matrix/web-answers.mjs";
import { TestServer, turns } from "./support/http.ts";
import { openSessions } from "./support/stores.ts";
import { saveError, StubSessions } from "./support/stub-sessions.ts";

const COOKIE = "sessionid=new; Path=/; HttpOnly";

let sessions: StubSessions;
let errors: unknown[];

beforeEach(() => {
  sessions = new StubSessions();
  errors = [];
});

/** A handler that uses its session, and answers as the given one. */
function using(answer: FetchHandler): (request: Request) => Promise<Response> {
  return fetchSessions(
    sessions,
    (request, ...rest) => {
      sessions.use(request);
      return answer(request, ...rest);
    },
    {
      onError(error) {
        errors.push(error);
        return new Response("sorry", { status: 500 });
      },
    },
  );
}

function silenced<Spied extends MockInstance>(spy: Spied): Spied {
  onTestFinished(() => spy.mockRestore());
  spy.mockReturnValue(undefined);
  return spy;
}

function get(method = "GET"): Request {
  return new Request("http://shop.example/page", { method });
}

describe("the response", () => {
  test("is the handler's own where the session was not used", async () => {
    const own = new Response("page");
    const handler = fetchSessions(sessions, () => own);
    expect(await handler(get())).toBe(own);
    expect(sessions.last.finishes).toEqual([]);
  });

  test("gets the cookie though its headers are immutable", async () => {
    const response = await using(() => Response.redirect("http://shop.example/next", 302))(get());
    expect([response.status, response.headers.get("location")]).toEqual([302, "http://shop.example/next"]);
    expect(response.headers.getSetCookie()).toEqual([COOKIE]);
  });

  test("that an application returns to several visitors is not changed", async () => {
    const shared = new Response(null, { status: 204, headers: { "Set-Cookie": "a=1" } });
    const handler = using(() => shared);
    for (const id of ["first", "second"]) {
      sessions.setCookie = [`sessionid=${id}`];
      expect((await handler(get())).headers.getSetCookie()).toEqual(["a=1", `sessionid=${id}`]);
    }
    expect(shared.headers.getSetCookie()).toEqual(["a=1"]);
  });

  test("that sets the cookie is private, whatever the handler has said", async () => {
    const headers = {
      "Cache-Control": "public, max-age=60",
      "CDN-Cache-Control": "max-age=60",
      Vary: "Accept",
    };
    const response = await using(() => new Response("page", { headers }))(get());
    expect(response.headers.get("cache-control")).toBe("private, max-age=60");
    expect(response.headers.get("cdn-cache-control")).toBeNull();
    expect(response.headers.get("vary")).toBe("Accept, Cookie");
  });

  test("Response.error() is passed on, and drops deferred changes", async () => {
    const own = Response.error();
    expect(await using(() => own)(get())).toBe(own);
    expect(sessions.last.finishes).toEqual([{ status: 500, headersSent: true }]);
  });

  test("of an upgrade, which is none in Bun, is passed on, and its session begins no more", async () => {
    expect(await using(() => undefined as unknown as Response)(get())).toBeUndefined();
    expect(sessions.last.finishes).toEqual([{ status: 101, headersSent: true }]);
  });

  test("whose body is used already is an error, before anything is saved", async () => {
    const response = await using(async () => {
      const used = new Response("page");
      await used.text();
      return used;
    })(get());
    expect(sessions.last.finishes).toEqual([{ status: 500, headersSent: false }]);
    expect([response.status, await response.text()]).toEqual([500, "sorry"]);
    expect(errors).toEqual([expect.any(SessionUsageError)]);
  });

  test("to HEAD has the body of the handler, from which servers take its length", async () => {
    const response = await using(() => new Response("page"))(get("HEAD"));
    expect(await response.text()).toBe("page");
    expect(sessions.last.finishes).toEqual([{ status: 200, headersSent: false }]);
  });

  test("waits for nothing more once it is handed over: later changes are told", async () => {
    await using(() => new Response(null))(get());
    expect(sessions.last.overs).toBe(1);
    expect(sessions.last.facts.areHeadersSent?.()).toBe(true);
  });
});

/** A source whose chunks a test counts, and that notes its end. */
class Source {
  pulls = 0;
  readonly cancellations: unknown[] = [];
  readonly stream = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      this.pulls++;
      controller.enqueue(new Uint8Array([this.pulls]));
    },
    cancel: (reason) => {
      this.cancellations.push(reason);
    },
  });
}

/** A stream that ends a while after its text. */
async function* textAndTurns(text: string): AsyncGenerator<string> {
  yield text;
  await turns(2);
}

function slowly(text: string): ReadableStream {
  return streamOf(textAndTurns(text));
}

describe("a body", () => {
  test("is read at the client's pace", async () => {
    const source = new Source();
    const { body } = await using(() => new Response(source.stream))(get());
    await turns();
    // Two chunks are read before the save, and a stream holds one more by default.
    expect(source.pulls).toBe(3);
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    for (const [chunk, pulls] of [
      [1, 3],
      [2, 3],
      [3, 4],
    ] as const) {
      expect(await reader.read()).toEqual({ done: false, value: new Uint8Array([chunk]) });
      await turns();
      expect(source.pulls).toBe(pulls);
    }
  });

  test("that is complete is sent as it is, and what its writer has changed is saved with the head", async () => {
    const { sessions: real } = openSessions();
    const handler = fetchSessions(real, async (request) => {
      const { data } = await real.from(request);
      const parts = new ReadableStream<Uint8Array>({
        pull(controller) {
          data.n = 1;
          controller.enqueue(new TextEncoder().encode("page"));
          controller.close();
        },
      });
      return new Response(parts);
    });
    const response = await handler(get());
    expect(response.headers.getSetCookie()).toHaveLength(1);
    const [cookie] = response.headers.getSetCookie();
    expect((await real.open(cookie?.split(";")[0])).data).toEqual({ n: 1 });
    expect(await response.text()).toBe("page");
  });

  test("that the client leaves is cancelled, and late changes are saved", async () => {
    const source = new Source();
    const { body } = await using(() => new Response(source.stream))(get());
    await body?.cancel("gone");
    expect(source.cancellations).toEqual(["gone"]);
    expect(sessions.last.wasClientGone).toEqual([undefined, true]);
    expect(sessions.last.finishes).toEqual([
      { status: 200, headersSent: false },
      { status: 200, headersSent: true },
    ]);
    expect(sessions.last.overs).toBe(1);
  });

  test("whose source fails is cut, and late changes are not saved", async () => {
    const broken = new ReadableStream({
      pull() {
        throw new Error("the source");
      },
    });
    const response = await using(() => new Response(broken))(get());
    await expect(response.text()).rejects.toThrow("the source");
    expect(sessions.last.finishes).toEqual([{ status: 200, headersSent: false }]);
    expect(sessions.last.overs).toBe(1);
  });

  test("that the client leaves reports late changes that cannot be saved", async () => {
    sessions.save = ({ headersSent }) => (headersSent ? Promise.reject(saveError()) : undefined);
    const response = await using(() => new Response(new Source().stream))(get());
    const reader = (response.body as ReadableStream).getReader();
    await reader.cancel();
    expect(errors).toMatchObject([{ message: "the store is down: secret detail" }]);
  });

  test("is cut when the changes before its end cannot be saved", async () => {
    sessions.save = ({ headersSent }) => (headersSent ? Promise.reject(saveError()) : undefined);
    const response = await using(() => new Response(slowly("page")))(get());
    await expect(response.text()).rejects.toThrow("the store is down");
    expect(errors).toMatchObject([{ message: "the store is down: secret detail" }]);
  });

  test("of a response that is not sent is cancelled", async () => {
    sessions.save = () => Promise.reject(saveError());
    const source = new Source();
    await using(() => new Response(source.stream))(get());
    expect(source.cancellations).toHaveLength(1);
  });
});

describe("errors", () => {
  test("without onError: the status of the error, and not its message, which is printed", async () => {
    const print = silenced(vi.spyOn(console, "error"));
    const error = saveError(503);
    const response = await fetchSessions(sessions, () => {
      throw error;
    })(get());
    expect([response.status, await response.text()]).toEqual([503, "Service Unavailable\n"]);
    expect(print.mock.calls).toEqual([[error]]);
  });

  test.each([
    ["fails", () => Promise.reject(new Error("the handler of errors"))],
    ["returns no response", () => "sorry" as unknown as Response],
  ])("an onError that %s is reported beside the error, and a bare status goes out", async (_, onError) => {
    const print = silenced(vi.spyOn(console, "error"));
    const broken = (): never => {
      throw new Error("of the page");
    };
    const response = await fetchSessions(sessions, broken, { onError })(get());
    expect([response.status, await response.text()]).toEqual([500, "Internal Server Error\n"]);
    expect(print.mock.calls.map(([error]) => (error as Error).message)).toEqual([
      "of the page",
      expect.stringMatching(/the handler of errors|expected to return a Response, got a text/),
    ]);
  });

  test("headers of a session that cannot be built are a bare 500", async () => {
    const warn = silenced(vi.spyOn(process, "emitWarning"));
    sessions.makeHeaders = () => {
      throw new Error("no such cookie");
    };
    const response = await using(() => new Response("page"))(get());
    expect([response.status, await response.text()]).toEqual([500, ""]);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(warn).toHaveBeenCalledWith(expect.objectContaining({ message: "no such cookie" }));
  });

  test("a request from another site is refused before the handler runs", async () => {
    const handler = vi.fn(() => new Response("page"));
    const onError = (error: unknown) => Response.json((error as CrossSiteError).code, { status: 403 });
    const headers = { "sec-fetch-site": "cross-site" };
    const request = new Request("http://shop.example/", { method: "POST", headers });
    const response = await fetchSessions(sessions, handler, { crossSite: "refuse", onError })(request);
    expect([response.status, handler.mock.calls]).toEqual([403, []]);
  });
});

function serve(handler: (request: Request, node: HttpBindings) => Promise<Response>): Promise<TestServer> {
  const listener = getRequestListener((request, node) => handler(request, node as HttpBindings));
  return TestServer.start((incoming, outgoing) => void listener(incoming, outgoing));
}

describe("on a server that gives Node's response", () => {
  function pastTheHandler(onError: () => Response): Promise<TestServer> {
    const failing = openSessions();
    failing.isDown = true;
    const handler = async (request: Request, { outgoing }: HttpBindings): Promise<Response> => {
      (await failing.sessions.from(request)).data.n = 1;
      outgoing.end("page");
      return RESPONSE_ALREADY_SENT;
    };
    return serve(fetchSessions(failing.sessions, handler, { onError }));
  }

  test("a response past the handler whose save fails is the page of onError", async () => {
    const page = (): Response => new Response("sorry", { status: 503, headers: { "Retry-After": "9" } });
    const reply = await (await pastTheHandler(page)).get();
    expect(reply).toMatchObject({ status: 503, body: "sorry" });
    expect(reply.headers["retry-after"]).toBe("9");
    expect(reply.headers).not.toHaveProperty("set-cookie");
  });

  test("a page of onError that cannot be read cuts the connection, and is reported", async () => {
    const print = silenced(vi.spyOn(console, "error"));
    const broken = new ReadableStream({
      pull() {
        throw new Error("the page of errors");
      },
    });
    const server = await pastTheHandler(() => new Response(broken));
    await expect(server.get()).rejects.toThrow("socket hang up");
    expect(print.mock.calls).toEqual([[expect.objectContaining({ message: "the page of errors" })]]);
  });

  test("a text stays a text, with its length", async () => {
    const { sessions: real } = openSessions();
    const handler = fetchSessions(real, async (request, _node: HttpBindings) => {
      (await real.from(request)).data.n = 1;
      return new Response("page");
    });
    const reply = await (await serve(handler)).get();
    expect(reply.headers).toMatchObject({ "content-length": "4", vary: "Cookie" });
    expect(reply.headers["set-cookie"]).toHaveLength(1);
  });
});

describe("calls", () => {
  test("the handler gets all arguments of the server, and the session of the request it was given", async () => {
    const { sessions: real } = openSessions();
    const handler = fetchSessions(real, async (request, env: string, context: number) => {
      await expect(real.from(request.clone())).rejects.toThrow(
        "request.clone() and new Request(request) make another.",
      );
      const session = await real.from(request);
      return Response.json([env, context, session.isNew]);
    });
    expect(await (await handler(get(), "env", 1)).json()).toEqual(["env", 1, true]);
  });

  test("eager: the session is on the request", async () => {
    const { sessions: real } = openSessions();
    const handler = fetchSessions(real, ({ session }) => Response.json({ ...session.data }), { eager: true });
    expect(await (await handler(get())).json()).toEqual({});
  });

  test("wrong arguments are explained", () => {
    const whole = createSojourn({ projectName: "shop", secretKey: "the secret of the integration tests" });
    const ok = () => new Response();
    expect(() => fetchSessions(whole as never, ok)).toThrow("got the whole result of createSojourn()");
    expect(() => fetchSessions(sessions, undefined as never)).toThrow("The handler of fetchSessions()");
    expect(() => fetchSessions(sessions, ok, { trustProxy: 1 } as never)).toThrow("fetchSessions.trustProxy");
    expect(() => fetchSessions(sessions, ok, { onError: "log" } as never)).toThrow("fetchSessions.onError");
  });
});
