import { writeFileSync } from "node:fs";
import { createServer, request as send } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import express from "express";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSojourn } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import { expressSessions } from "../../../src/adapters/express/index.ts";
import { ApacheCache, describeWithApache } from "../../support/apache-cache.ts";
import { deleteFolder, makeTemporaryFolder } from "../../support/temporary-folder.ts";

/** Headers of pages about caching, all of them an invitation. */
const SAYINGS: Record<string, Record<string, string>> = {
  public: { "Cache-Control": "public, max-age=600" },
  "s-maxage": { "Cache-Control": "s-maxage=600" },
  "max-age alone": { "Cache-Control": "max-age=600" },
  "in capitals": { "cache-control": "PUBLIC, MAX-AGE=600" },
  'the exception of Set-Cookie, and "public"': {
    "Cache-Control": 'public, max-age=600, no-cache="Set-Cookie"',
  },
  "private for a field alone": { "Cache-Control": 'public, max-age=600, private="X-Other"' },
  "immutable, must-revalidate": { "Cache-Control": "public, max-age=600, immutable, must-revalidate" },
  "Expires alone": { Expires: "Fri, 31 Dec 2100 23:59:59 GMT" },
  "Last-Modified alone": { "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT" },
  nothing: {},
};

describeWithApache("behind a shared cache as it comes (Apache)", () => {
  const folder = makeTemporaryFolder();
  let cache: ApacheCache;
  let requests = 0;
  let visitors = 0;
  const { sessions, close } = createSojourn<{ visitor?: number }>({
    projectName: "shop",
    secretKey: "the secret of the integration tests",
    sessions: { store: memorySessionStore(), cookie: { secure: false } },
  });

  const app = express();
  app.use((_request, _response, next) => {
    requests++;
    next();
  });
  app.use(expressSessions(sessions));
  app.get(
    "/static",
    (_request, response) => void response.set("Cache-Control", "public, max-age=600").send("the same"),
  );
  app.get("/begin/:how", async (request, response) => {
    const session = await sessions.from(request);
    session.data.visitor ??= ++visitors;
    const headers = SAYINGS[request.query["saying"] as string] ?? {};
    const body = `visitor ${session.data.visitor}`;
    if (request.params.how === "send") response.set(headers).send(body);
    else if (request.params.how === "object") response.writeHead(200, headers).end(body);
    else if (request.params.how === "flat array")
      response.writeHead(200, Object.entries(headers).flat()).end(body);
    else if (request.params.how === "stream") {
      response.set(headers).write("visitor ");
      response.end(String(session.data.visitor));
    } else {
      const file = join(folder, `${session.data.visitor}.txt`);
      writeFileSync(file, body);
      response.set(headers).sendFile(file, { maxAge: 600_000 });
    }
  });
  const server = createServer(app);

  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cache = await ApacheCache.start((server.address() as AddressInfo).port);
  });

  afterAll(async () => {
    await cache.stop();
    server.closeAllConnections();
    server.close();
    await close();
    deleteFolder(folder);
  });

  async function get(path: string, headers: Record<string, string> = {}) {
    const outgoing = send({ host: "127.0.0.1", port: cache.port, path, headers, agent: false }).end();
    const [incoming] = await once(outgoing, "response");
    let body = "";
    for await (const chunk of incoming) body += String(chunk);
    return { body, headers: incoming.headers, cookie: incoming.headers["set-cookie"]?.[0]?.split(";")[0] };
  }

  test("it keeps what is the same for everybody: the origin is asked once", async () => {
    const before = requests;
    for (let count = 0; count < 3; count++) expect((await get("/static")).body).toBe("the same");
    expect(requests - before).toBe(1);
  });

  const HOWS = ["send", "object", "flat array", "stream", "file"];
  const CASES = Object.keys(SAYINGS).flatMap((saying) => HOWS.map((how) => [saying, how] as const));

  test.each(CASES)(
    "three strangers never share a session: a page that says %s, by %s",
    async (saying, how) => {
      const path = `/begin/${encodeURIComponent(how)}?saying=${encodeURIComponent(saying)}`;
      const strangers = [await get(path), await get(path), await get(path)];
      expect(new Set(strangers.map(({ body }) => body)).size).toBe(3);
      expect(new Set(strangers.map(({ cookie }) => cookie)).size).toBe(3);
      for (const { cookie, body, headers } of strangers) {
        expect(headers["cache-control"]).toMatch(/(?:^|, )private(?:,|$)/);
        expect((await get(path, { Cookie: cookie ?? "" })).body).toBe(body);
      }
      // Nor does one who comes afterwards get the page of one who has read his session.
      expect(strangers.map(({ body }) => body)).not.toContain((await get(path)).body);
    },
  );
});
