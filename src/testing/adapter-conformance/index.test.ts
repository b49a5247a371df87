import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { expect, test } from "vitest";

import { nodeSessions, type SessionSource } from "../../adapters/node/index.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import type { TestFramework } from "../session-store-contract/index.ts";
import type { AdapterTestAnswer, AdapterTestApplication, AdapterTestMount } from "./application.ts";
import { type AdapterSuiteOptions, describeAdapter } from "./index.ts";

/** A change of a sound adapter. */
interface Fault {
  readonly scope?: (scope: SessionScope) => Partial<SessionScope>;
  readonly mount?: Partial<AdapterTestMount>;
  readonly trustsProxy?: boolean;
  /** Loads the session of each request. */
  readonly loads?: boolean;
  /** Answers errors of the adapter without the application's error handler. */
  readonly answersErrors?: boolean;
}

const LACKS: NonNullable<AdapterSuiteOptions["lacks"]> = {
  files: "not needed here",
  events: "not needed here",
  several: "not needed here",
  listener: "not needed here",
  injection: "Node has none",
  http2: "not needed here",
};

/**
 * Runs the suite without a test framework.
 *
 * @param only Title of the one test to run; all if omitted.
 * @returns The titles that passed, failed and were skipped.
 */
async function runSuite(
  fault: Fault,
  { only, skip = [] }: { only?: string; skip?: NonNullable<AdapterSuiteOptions["skip"]> } = {},
) {
  const tests: [string, () => Promise<void>][] = [];
  const [passed, failed, skipped]: string[][] = [[], [], []];
  const register = Object.assign((title: string, run: () => Promise<void>) => tests.push([title, run]), {
    skip: (title: string) => skipped?.push(title),
  });
  const framework: TestFramework = { describe: (_, define) => define(), it: register };
  describeAdapter(framework, "spoilt", {
    lacks: LACKS,
    skip,
    start: (application) => startSpoilt(application, fault),
  });
  for (const [title, run] of tests.filter(([each]) => only === undefined || each === only)) {
    await run().then(
      () => passed?.push(title),
      () => failed?.push(title),
    );
  }
  return { passed: passed ?? [], failed: failed ?? [], skipped: skipped ?? [] };
}

async function startSpoilt(application: AdapterTestApplication, fault: Fault) {
  const { routes, answerError } = application;
  const [mount] = application.mounts;
  if (mount === undefined) throw new Error("expected a mount");
  const { crossSite, eager } = { ...mount, ...fault.mount };
  const sessions = spoil(mount.sessions, fault);
  const listener = nodeSessions(
    sessions,
    async (request, response) => {
      const method = request.method === "HEAD" ? "GET" : request.method;
      const route = routes.find((each) => each.method === method && each.path === request.url);
      const { session } = request as object as { session?: never };
      const answer = await route?.handle(request, session);
      await send(response, answer ?? { kind: "text", body: "", status: 404 });
    },
    {
      crossSite,
      eager: eager as true,
      trustProxy: fault.trustsProxy ?? application.trustsProxy,
      onError: (error, _request, response) => {
        if (response.headersSent) return response.destroy();
        const { status, body } = fault.answersErrors ? { status: 500, body: "" } : answerError(error);
        return response.writeHead(status).end(body);
      },
    },
  );
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

function spoil(sessions: AdapterTestMount["sessions"], fault: Fault): SessionSource<Record<string, unknown>> {
  return {
    from: (request) => sessions.from(request),
    scope: (request, info) => {
      const scope = sessions.scope(request, info);
      if (fault.loads) void sessions.from(request);
      const changes = fault.scope?.(scope) ?? {};
      return new Proxy(scope, {
        get: (target, name) => {
          const replaced: unknown = Reflect.get(changes, name) ?? Reflect.get(target, name);
          return typeof replaced === "function" ? (replaced as () => unknown).bind(target) : replaced;
        },
      });
    },
  };
}

async function send(response: ServerResponse, answer: AdapterTestAnswer): Promise<void> {
  if (answer.kind === "json") response.end(JSON.stringify(answer.value));
  else if (answer.kind === "redirect") response.writeHead(302, { Location: answer.location }).end();
  else if (answer.kind === "empty") response.writeHead(answer.status).end();
  else if (answer.kind === "raw") response.end(answer.body);
  else if (answer.kind === "stream") await pipeline(Readable.from(answer.chunks), response).catch(() => {});
  else if (answer.kind === "text") {
    if (answer.cookies) response.setHeader("Set-Cookie", answer.cookies);
    response.writeHead(answer.status ?? 200).end(answer.body);
  }
}

test("a sound adapter passes every test", async () => {
  const { passed, failed } = await runSuite({});
  expect(failed).toEqual([]);
  expect(passed.length).toBeGreaterThan(40);
});

const faults: [string, Fault, string][] = [
  [
    "that does not wait for the save",
    { scope: (scope) => ({ finish: (start) => void scope.finish(start)?.catch(() => {}) }) },
    "a text: no byte of it leaves before the store has acknowledged",
  ],
  [
    "that swallows the error of a save",
    { scope: (scope) => ({ finish: (start) => scope.finish(start)?.catch(() => {}) }) },
    "a text: after a failed save it is an error response, without cookie and body",
  ],
  [
    "that answers a failed save by itself",
    { answersErrors: true },
    "a failed save goes to the application's error handler, once, and its page is the response",
  ],
  [
    "that saves before the head only",
    { scope: (scope) => ({ finish: (start) => (start.headersSent ? undefined : scope.finish(start)) }) },
    "a stream: its end waits until late changes are saved",
  ],
  [
    "that does not know the status",
    { scope: (scope) => ({ finish: (start) => scope.finish({ ...start, status: 200 }) }) },
    "an error of the handler is the response, and its deferred changes are dropped",
  ],
  [
    "that sets no cookie",
    { scope: (scope) => ({ headers: () => ({ ...scope.headers(), setCookie: [] }) }) },
    "a session goes from one request to the next, and to no other visitor",
  ],
  [
    "that sets a cookie more",
    { scope: (scope) => ({ headers: () => ({ ...scope.headers(), setCookie: ["x=1", "y=1"] }) }) },
    "the application's own cookies are kept beside the session's",
  ],
  [
    "that does not say Vary",
    { scope: (scope) => ({ headers: () => ({ ...scope.headers(), varyCookie: false }) }) },
    "a response that depends on its session says Vary: Cookie, and is private",
  ],
  [
    "that loads each session",
    { loads: true },
    "a page that leaves its session alone sends no command to the store",
  ],
  [
    "that ignores crossSite",
    { mount: { crossSite: "allow" } },
    "crossSite: refuse makes a POST of another site a 403 of the error handler, and runs no handler",
  ],
  [
    "without a rule for other sites",
    { mount: { crossSite: "allow" } },
    "crossSite by default: a POST of another site that came without the cookie begins no session",
  ],
  ["that ignores eager", { mount: { eager: false } }, "eager: the handler has the session when it starts"],
  [
    "that trusts every proxy",
    { trustsProxy: true },
    "the framework trusts no proxy: forwarded headers change nothing",
  ],
  [
    "that trusts no proxy",
    { trustsProxy: false },
    "the framework trusts its proxy: TLS and host are those that the visitor used",
  ],
];

test.each(faults)("an adapter %s fails", async (_, fault, title) => {
  expect((await runSuite(fault, { only: title })).failed).toEqual([title]);
});

test("a skipped test shows its reason", async () => {
  const title = "20 parallel updates of one number count to 20";
  const skip = [{ reason: "it has one visitor", tests: [title] }];
  const { skipped } = await runSuite({}, { only: title, skip });
  expect(skipped).toEqual([`${title} (skipped: it has one visitor)`]);
});

test("skipping a test that does not exist is an error", async () => {
  await expect(runSuite({}, { skip: [{ reason: "none", tests: ["no such test"] }] })).rejects.toThrow(
    'There is no test "no such test" to skip.',
  );
});
