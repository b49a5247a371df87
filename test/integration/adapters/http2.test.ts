import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type ClientHttp2Session,
  connect,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerResponse,
  type OutgoingHttpHeaders,
} from "node:http2";
import { get as getOverHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { createSojourn } from "sojourn";
import { nodeSessions, type NodeSessionsOptions } from "sojourn/adapters/node";
import { memorySessionStore } from "sojourn/stores/memory";
import { describe, expect, onTestFinished, test } from "vitest";
import { certificate } from "./support/certificate.ts";
import { PATIENT, turns, watchProcess } from "./support/http.ts";
import { defer, saveError, StubSessions } from "./support/stub-sessions.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

async function listen(server: Http2Server | Http2SecureServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function open(url: string): Promise<ClientHttp2Session> {
  const client = connect(url, { rejectUnauthorized: false });
  onTestFinished(() => client.destroy());
  await once(client, "connect");
  return client;
}

async function ask(client: ClientHttp2Session, headers: OutgoingHttpHeaders = {}) {
  const stream = client.request({ ":path": "/", ...headers });
  stream.end();
  const [received] = (await once(stream, "response")) as [Record<string, unknown>];
  let body = "";
  for await (const chunk of stream) body += String(chunk);
  return { status: received[":status"], headers: received, body };
}

async function serve(handler: Handler, options: NodeSessionsOptions = {}) {
  const sessions = new StubSessions();
  const server = createServer(nodeSessions(sessions, handler, options));
  const port = await listen(server);
  return { sessions, port, server, client: await open(`http://127.0.0.1:${port}`) };
}

/** A server whose handler has used the session before it runs. */
async function serveUsing(handler: Handler, options: NodeSessionsOptions = {}) {
  const served = await serve((request, response) => {
    served.sessions.use(request);
    return handler(request, response);
  }, options);
  return served;
}

describe("createSecureServer with allowHTTP1", () => {
  test.each(["HTTP/2", "HTTP/1.1"])(
    "a session is begun and found again over %s, its cookie Secure",
    async (version) => {
      const { sessions, close } = createSojourn<{ n?: number }>({
        projectName: "shop",
        secretKey: "the secret of the integration tests",
        sessions: { store: memorySessionStore(), cookie: { secure: "auto" } },
      });
      onTestFinished(close);
      const listener = nodeSessions(sessions, async (request, response) => {
        const session = await sessions.from(request);
        session.data.n = (session.data.n ?? 0) + 1;
        response.end(`${session.data.n} over ${request.httpVersion}`);
      });
      const port = await listen(createSecureServer({ ...certificate(), allowHTTP1: true }, listener));
      const client = version === "HTTP/2" ? await open(`https://127.0.0.1:${port}`) : undefined;
      const visit = async (cookie = ""): Promise<{ body: string; setCookie: string | undefined }> => {
        if (client) {
          const { body, headers } = await ask(client, cookie === "" ? {} : { cookie });
          return { body, setCookie: (headers["set-cookie"] as string[] | undefined)?.[0] };
        }
        const outgoing = getOverHttps({
          host: "127.0.0.1",
          port,
          rejectUnauthorized: false,
          agent: false,
          headers: { cookie },
        });
        const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
        let body = "";
        for await (const chunk of incoming) body += String(chunk);
        return { body, setCookie: incoming.headers["set-cookie"]?.[0] };
      };
      const first = await visit();
      expect(first.setCookie).toContain("; Secure");
      const second = await visit(first.setCookie?.split(";")[0]);
      expect([first.body, second.body]).toEqual(
        version === "HTTP/2" ? ["1 over 2.0", "2 over 2.0"] : ["1 over 1.1", "2 over 1.1"],
      );
    },
  );
});

describe("what the scope hears of a request", () => {
  test("the host is that of :authority; Host counts only where there is none", async () => {
    const { sessions, client } = await serve((_request, response) => response.end());
    await ask(client, { ":authority": "shop.example:8443" });
    expect(sessions.last.facts.host()).toBe("shop.example:8443");
    await ask(client, { ":authority": "shop.example", host: "evil.example" });
    expect(sessions.last.facts.host()).toBe("shop.example");
  });

  // RFC 9113 section 8.2.3: a client may split the Cookie header.
  test("cookies that come in several fields are one header", async () => {
    const { sessions, client } = await serve((_request, response) => response.end());
    await ask(client, { cookie: ["a=1", "b=2"] as unknown as string });
    expect(sessions.last.facts.cookieHeader).toBe("a=1; b=2");
  });

  test("https is told of TLS, not of what :scheme claims, and also after the client has left", async () => {
    const { sessions, client } = await serve((_request, response) => response.end());
    await ask(client, { ":scheme": "https" });
    expect(sessions.last.facts.isSecure()).toBe(false);
    const secure = new StubSessions();
    const port = await listen(
      createSecureServer(
        certificate(),
        nodeSessions(secure, (_request, response) => response.end()),
      ),
    );
    const other = await open(`https://127.0.0.1:${port}`);
    await ask(other);
    other.destroy();
    await turns();
    expect(secure.last.facts.isSecure()).toBe(true);
  });

  test('"refuse" compares origins: its own page may post, others may not, and neither may one that hides its origin', async () => {
    const { client, port } = await serve((_request, response) => response.end("done"), {
      crossSite: "refuse",
      onError: (_error, _request, response) => response.end(),
    });
    const post = async (origin: string) => (await ask(client, { ":method": "POST", origin })).status;
    expect(await post(`http://127.0.0.1:${port}`)).toBe(200);
    for (const origin of ["null", "https://evil.example", `https://127.0.0.1:${port}`]) {
      expect(await post(origin)).toBe(403);
    }
  });
});

describe("streams", () => {
  test("those of one connection are answered each when its session is saved", async () => {
    const savings = [defer(), defer()];
    const { sessions, client } = await serveUsing((request, response) => response.end(request.url));
    let next = 0;
    sessions.save = ({ headersSent }) => (headersSent ? undefined : savings[next++]?.promise);
    const [first, second] = [ask(client, { ":path": "/a" }), ask(client, { ":path": "/b" })];
    await expect.poll(() => next, PATIENT).toBe(2);
    savings[1]?.resolve();
    expect((await second).body).toBe("/b");
    savings[0]?.resolve();
    expect((await first).body).toBe("/a");
  });

  test("a head that is sent on the stream itself, past the session, is refused, and so is a file", async () => {
    const codes: unknown[] = [];
    const { sessions, client } = await serveUsing((_request, response) => {
      const { stream } = response as unknown as Http2ServerResponse;
      for (const begin of [
        () => stream.respond({ ":status": 200 }),
        () => stream.respondWithFile(import.meta.filename),
      ]) {
        try {
          begin();
        } catch (error) {
          codes.push((error as { code?: string }).code);
        }
      }
      response.end("by the response");
    });
    expect((await ask(client)).body).toBe("by the response");
    expect(codes).toEqual(["ERR_SESSION_USAGE", "ERR_SESSION_USAGE"]);
    sessions.save = () => turns(3);
    expect((await ask(client)).body).toBe("by the response");
  });

  test("a page without a session may use its stream as it likes", async () => {
    const { client } = await serve((_request, response) => {
      const { stream } = response as unknown as Http2ServerResponse;
      stream.respond({ ":status": 201 });
      stream.end("raw");
    });
    expect(await ask(client)).toMatchObject({ status: 201, body: "raw" });
  });

  test("early hints and pushed responses do not wait", async () => {
    const { sessions, client } = await serveUsing((_request, response) => {
      const compat = response as unknown as Http2ServerResponse;
      compat.writeEarlyHints({ link: "</a.css>; rel=preload" });
      compat.createPushResponse({ ":path": "/a.css" }, (error, pushed) => {
        if (!error) pushed.end("pushed");
      });
      response.end("page");
    });
    const saving = sessions.holdSaves();
    const seen: string[] = [];
    client.on("stream", (pushed) => {
      pushed.on("data", (chunk: Buffer) => seen.push(String(chunk)));
    });
    const stream = client.request({ ":path": "/" });
    stream.on("headers", (headers) => seen.push(String(headers[":status"])));
    stream.on("response", (headers) => seen.push(String(headers[":status"])));
    await expect.poll(() => seen.toSorted(), PATIENT).toEqual(["103", "pushed"]);
    saving.resolve();
    await expect.poll(() => seen.at(-1), PATIENT).toBe("200");
  });

  test("a message and a header of a connection, which HTTP/2 does not have, do no harm", async () => {
    const { client, sessions } = await serveUsing((_request, response) =>
      response.writeHead(200, "Fine", { Connection: "keep-alive", "X-App": "1" }).end("hello"),
    );
    sessions.save = () => turns(3);
    expect(await ask(client)).toMatchObject({ status: 200, body: "hello", headers: { "x-app": "1" } });
  });

  test("trailers of a response that has failed are not those of the error", async () => {
    const { client, sessions } = await serveUsing(
      (_request, response) => {
        response.addTrailers({ "x-sum": "7" });
        response.end("hello");
      },
      { onError: (_error, _request, response) => response.end("sorry") },
    );
    sessions.save = () => turns(2).then(() => Promise.reject(saveError()));
    const stream = client.request({ ":path": "/" });
    const trailers: unknown[] = [];
    stream.on("trailers", (received) => trailers.push({ ...received }));
    stream.resume();
    await once(stream, "close");
    expect(trailers).toEqual([]);
  });

  test("a stream that is cut says so: never a clean end", async () => {
    const crashes = watchProcess();
    const { client, sessions } = await serveUsing(
      (_request, response) => {
        response.write("begin");
        response.end("end");
      },
      { onError: () => {} },
    );
    sessions.save = ({ headersSent }) =>
      headersSent ? turns(5).then(() => Promise.reject(saveError())) : undefined;
    const stream = client.request({ ":path": "/" });
    stream.resume();
    const [error] = (await once(stream, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ERR_HTTP2_STREAM_ERROR");
    await turns();
    expect(crashes).toEqual([]);
  });

  test("a client that resets its stream while the save is under way disturbs neither the server nor the other streams", async () => {
    const crashes = watchProcess();
    const { client, sessions } = await serveUsing((_request, response) => response.end("hello"));
    const saving = sessions.holdSaves();
    const stream = client.request({ ":path": "/" });
    stream.on("error", () => {});
    await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
    stream.close(8);
    await turns();
    saving.resolve();
    await turns();
    sessions.save = () => undefined;
    expect((await ask(client)).body).toBe("hello");
    expect(crashes).toEqual([]);
  });
});
