import { createContext, createRequestHandler, data, redirect } from "react-router";
import type { Session } from "sojourn";
import { type ReactRouterArgs, reactRouterSessions } from "sojourn/adapters/react-router";
import { describe, expect, test } from "vitest";
import { type EntryModule, serverBuild, type RouteModule } from "./support/react-router.ts";
import { type Failable, openSessions, type TestData } from "./support/stores.ts";

/** Sends a request to an application with one route, `/page`. */
async function ask(
  middleware: readonly unknown[],
  module: RouteModule & { readonly rootLoader?: unknown },
  { entry = {}, ...init }: RequestInit & { readonly entry?: Partial<EntryModule> } = {},
): Promise<Response> {
  const { rootLoader, ...page } = module;
  const build = serverBuild({ middleware, loader: rootLoader }, { "/page": page }, entry);
  const handle = createRequestHandler(build, "production");
  return handle(new Request("http://shop.example/page", init));
}

function visits({ sessions }: Failable) {
  return async ({ context }: ReactRouterArgs): Promise<TestData> => {
    const { data: visitor } = await sessions.from(context);
    visitor.n = (visitor.n ?? 0) + 1;
    return visitor;
  };
}

const PAGE = () => null;

describe("the session of a request", () => {
  test("is shared by loaders that run at the same time, and saved once", async () => {
    const store = openSessions();
    const count = visits(store);
    const response = await ask([reactRouterSessions(store.sessions)], {
      rootLoader: count,
      loader: count,
      default: PAGE,
    });
    const cookies = response.headers.getSetCookie();
    expect([response.status, await response.text(), cookies.length]).toEqual([200, "a page", 1]);
    expect((await store.sessions.open(cookies[0]?.split(";")[0])).data.n).toBe(2);
  });

  test("is found by the arguments of a loader, their context, and the request of middleware", async () => {
    const { sessions } = openSessions();
    const found: unknown[] = [];
    const find = async (args: ReactRouterArgs) => found.push(await sessions.from(args.request));
    await ask([reactRouterSessions(sessions), find], {
      async loader(args: ReactRouterArgs) {
        found.push(await sessions.from(args), await sessions.from(args.context));
        return new Response("page");
      },
    });
    expect(found).toEqual([found[0], found[0], found[0]]);
    expect(found[0]).toBeDefined();
  });

  test("is in the context of `eager`", async () => {
    const { sessions } = openSessions();
    const sessionContext = createContext<Session<TestData>>();
    const response = await ask([reactRouterSessions(sessions, { eager: sessionContext })], {
      loader({ context }: { context: { get(key: typeof sessionContext): Session<TestData> } }) {
        context.get(sessionContext).data.n = 1;
        return new Response("page");
      },
    });
    expect(response.headers.getSetCookie()).toHaveLength(1);
  });

  test("is saved when a loader throws a redirect, and when an action answers with a 4xx", async () => {
    const store = openSessions();
    const moved = await ask([reactRouterSessions(store.sessions)], {
      async loader(args: ReactRouterArgs) {
        await (await store.sessions.from(args.context)).login("42");
        // oxlint-disable-next-line typescript/only-throw-error -- as React Router has it
        throw redirect("/account");
      },
      default: PAGE,
    });
    expect([moved.status, moved.headers.get("location")]).toEqual([302, "/account"]);
    expect(moved.headers.getSetCookie()).toHaveLength(1);
    const refused = await ask(
      [reactRouterSessions(store.sessions)],
      {
        async action(args: ReactRouterArgs) {
          await visits(store)(args);
          return data({ failed: true }, 422);
        },
        default: PAGE,
      },
      { method: "POST" },
    );
    expect([refused.status, refused.headers.getSetCookie().length]).toEqual([422, 1]);
  });

  test("is saved before the end of a page that streams a promise of its loader", async () => {
    const store = openSessions();
    const late: { promise: Promise<string> } = { promise: Promise.resolve("") };
    const response = await ask(
      [reactRouterSessions(store.sessions)],
      {
        async loader(args: ReactRouterArgs) {
          const visitor = await visits(store)(args);
          late.promise = new Promise((resolve) => {
            setImmediate(() => {
              visitor["late"] = true;
              resolve("the late part");
            });
          });
          return { late: late.promise };
        },
        default: PAGE,
      },
      {
        entry: {
          default: () =>
            new Response(
              new ReadableStream({
                async pull(controller) {
                  controller.enqueue(new TextEncoder().encode(await late.promise));
                  controller.close();
                },
              }),
            ),
        },
      },
    );
    expect(await response.text()).toBe("the late part");
    const [cookie] = response.headers.getSetCookie();
    const session = await store.sessions.open(cookie?.split(";")[0]);
    expect({ ...session.data }).toEqual({ n: 1, late: true });
  });
});

test("a request whose client leaves keeps what `update` has saved; its other changes are dropped", async () => {
  const store = openSessions();
  const client = new AbortController();
  const response = await ask(
    [reactRouterSessions(store.sessions)],
    {
      async loader(args: ReactRouterArgs) {
        const session = await store.sessions.from(args.context);
        await session.update((visitor) => void (visitor.n = 1));
        session.data["late"] = true;
        client.abort();
        return new Response("page");
      },
    },
    { signal: client.signal },
  );
  const cookies = response.headers.getSetCookie();
  expect([response.status, cookies.length]).toEqual([500, 1]);
  expect({ ...(await store.sessions.open(cookies[0]?.split(";")[0])).data }).toEqual({ n: 1 });
});

describe("errors", () => {
  test("a failed save of a page goes to handleError, and the page of the boundary is the response", async () => {
    const store = openSessions();
    store.isDown = true;
    const errors: unknown[] = [];
    const response = await ask(
      [reactRouterSessions(store.sessions)],
      { loader: visits(store), default: PAGE },
      {
        entry: {
          default: (_request, status) => new Response(`a page with the status ${status}`, { status }),
          handleError: (error) => void errors.push(error),
        },
      },
    );
    expect([response.status, await response.text()]).toEqual([500, "a page with the status 500"]);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(errors).toEqual([expect.objectContaining({ code: "ERR_STORE_CONNECTION" })]);
  });

  test("a failed save of a resource route is React Router's own error response", async () => {
    const store = openSessions();
    store.isDown = true;
    const response = await ask([reactRouterSessions(store.sessions)], {
      loader: async (args: ReactRouterArgs) => Response.json(await visits(store)(args)),
    });
    expect([response.status, await response.text()]).toEqual([500, "Unexpected Server Error"]);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  test("a refused request has the status 403", async () => {
    const { sessions } = openSessions();
    const response = await ask(
      [reactRouterSessions(sessions, { crossSite: "refuse" })],
      { action: () => new Response("done") },
      { method: "POST", headers: { Origin: "https://elsewhere.example", "Sec-Fetch-Site": "cross-site" } },
    );
    expect([response.status, await response.text()]).toEqual([403, "Forbidden\n"]);
  });
});

test("wrong arguments are explained", () => {
  const { sessions } = openSessions();
  expect(() => reactRouterSessions({} as never)).toThrow("[reactRouterSessions(sessions)]");
  expect(() => reactRouterSessions(sessions, { onError: 1 } as never)).toThrow("reactRouterSessions.onError");
  expect(() => reactRouterSessions(sessions, { eager: true } as never)).toThrow("reactRouterSessions.eager");
});
