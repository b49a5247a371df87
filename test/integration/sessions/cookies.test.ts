import { createHash } from "node:crypto";
import express from "express";
import { createSojourn } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { cookieSessionStore } from "sojourn/stores/cookie";
import { expect, test } from "vitest";

import { TestServer } from "../adapters/support/http.ts";

interface Data {
  count?: number;
  text?: string;
}

/** An application without a server for its sessions. */
async function startApp(): Promise<string> {
  const { sessions } = createSojourn<Data>({
    projectName: "shop",
    secretKey: "the secret of the integration tests",
    sessions: { store: cookieSessionStore({ acceptsLostUpdates: true }), cookie: { secure: "auto" } },
  });
  const app = express();
  app.set("env", "test");
  app.use(expressSessions(sessions));
  app.get("/count", async (request, response) => {
    const { data } = await sessions.from(request);
    data.count = (data.count ?? 0) + 1;
    response.json(data.count);
  });
  app.get("/fill", async (request, response) => {
    (await sessions.from(request)).data.text = incompressible(8000);
    response.json("filled");
  });
  app.get("/stream", async (request, response) => {
    const session = await sessions.from(request);
    response.write("begun ");
    const error = await session.update((data) => (data.count = 0)).catch((failure: unknown) => failure);
    response.end((error as { code?: string } | undefined)?.code);
  });
  return `http://127.0.0.1:${(await TestServer.start(app)).port}`;
}

function incompressible(length: number): string {
  const hashes = Array.from({ length: Math.ceil(length / 86) }, (_, at) =>
    createHash("sha512").update(String(at)),
  );
  return hashes
    .map((hash) => hash.digest("base64url"))
    .join("")
    .slice(0, length);
}

async function get(url: string, cookie?: string) {
  const response = await fetch(url, { headers: cookie === undefined ? {} : { cookie } });
  return { status: response.status, body: await response.text(), cookie: response.headers.getSetCookie()[0] };
}

const carried = (setCookie: string | undefined): string => setCookie?.split(";")[0] ?? "";

test("over HTTP: the session is in the cookie, a too large one is an error page, a stream cannot change it", async () => {
  const url = await startApp();
  const first = await get(`${url}/count`);
  expect(first).toMatchObject({ status: 200, body: "1" });
  const second = await get(`${url}/count`, carried(first.cookie));
  expect(second).toMatchObject({ status: 200, body: "2" });
  expect(carried(second.cookie)).not.toBe(carried(first.cookie));

  const filled = await get(`${url}/fill`, carried(second.cookie));
  expect(filled).toMatchObject({ status: 500, cookie: undefined });

  const streamed = await get(`${url}/stream`, carried(second.cookie));
  expect(streamed).toMatchObject({ status: 200, body: "begun ERR_SESSION_USAGE", cookie: undefined });
  expect(await get(`${url}/count`, carried(second.cookie))).toMatchObject({ body: "3" });
});
