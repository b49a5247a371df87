import {
  type SvelteKitHandle,
  type SvelteKitSessionLocals,
  sveltekitSessions,
} from "sojourn/adapters/sveltekit";
import { describe, expect, test } from "vitest";
import { TestServer } from "../../integration/adapters/support/http.ts";
import { type Failable, openSessions, type TestData } from "../../integration/adapters/support/stores.ts";
import { BuiltApplication, type TestEvent, type TestHooks } from "./built-application.ts";

const application = BuiltApplication.forFile();

/** Serves the application with these hooks, and sends it a request. */
async function ask(
  hooks: Partial<TestHooks>,
  path: string,
  { headers, ...init }: { readonly method?: string; readonly headers?: Record<string, string> } = {},
): Promise<Response> {
  const { port } = await TestServer.start(application.listener(hooks));
  const origin = `http://127.0.0.1:${port}`;
  return fetch(new URL(path, origin), {
    redirect: "manual",
    ...init,
    headers: { Accept: "text/html", Origin: origin, ...headers },
    ...(init.method === "POST" && { body: new URLSearchParams({ field: "value" }) }),
  });
}

/** `sequence` of two hooks. */
function sequence(outer: SvelteKitHandle, inner: TestHooks["handle"]): TestHooks["handle"] {
  return (input, kit) =>
    outer({ ...input, resolve: async (event) => inner({ event, resolve: input.resolve }, kit) });
}

/** Name and value of a Set-Cookie header. */
function pairOf(cookie: string): string {
  return cookie.slice(0, cookie.indexOf(";"));
}

function visits({ sessions }: Failable) {
  return async (event: TestEvent): Promise<TestData> => {
    const { data } = await sessions.from(event);
    data.n = (data.n ?? 0) + 1;
    return data;
  };
}

describe("errors", () => {
  test("a failed save goes to handleError, and SvelteKit's error page is the response", async () => {
    const store = openSessions();
    const errors: unknown[] = [];
    store.isDown = true;
    const response = await ask(
      {
        handle: sveltekitSessions(store.sessions),
        handleError({ error }) {
          errors.push(error);
          return { message: "the error page" };
        },
        route: async (event) => Response.json(await visits(store)(event)),
      },
      "/count",
    );
    expect([response.status, await response.text()]).toEqual([500, "the error page"]);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(errors).toEqual([expect.objectContaining({ code: "ERR_STORE_CONNECTION" })]);
  });

  test("a refused request is answered as by SvelteKit's own check", async () => {
    const { sessions } = openSessions();
    const response = await ask({ handle: sveltekitSessions(sessions, { crossSite: "refuse" }) }, "/count", {
      method: "DELETE",
      headers: { Origin: "https://elsewhere.example", "Sec-Fetch-Site": "cross-site" },
    });
    expect([response.status, await response.text()]).toEqual([403, "Forbidden\n"]);
  });

  test("an error of a hook behind stays SvelteKit's", async () => {
    const { sessions } = openSessions();
    const handle = sequence(sveltekitSessions(sessions), async (_input, { error }) => error(418, "a teapot"));
    const response = await ask({ handle }, "/count");
    expect([response.status, await response.text()]).toEqual([418, "a teapot"]);
  });
});

describe("pages", () => {
  test("load and the action have one session; a redirect of the action has its cookie", async () => {
    const store = openSessions();
    const handle = sveltekitSessions(store.sessions);
    const response = await ask(
      {
        handle,
        load: async () => ({}),
        async action(event, { redirect }) {
          const session = await store.sessions.from(event);
          await session.login("42");
          return redirect(303, "/account");
        },
      },
      "/rendered",
      { method: "POST" },
    );
    expect([response.status, response.headers.get("location")]).toEqual([303, "/account"]);
    expect(response.headers.getSetCookie()).toHaveLength(1);
  });

  test("an action that fails with a 4xx saves its changes, and load sees them", async () => {
    const store = openSessions();
    const response = await ask(
      {
        handle: sveltekitSessions(store.sessions),
        load: async (event) => ({ text: `${(await store.sessions.from(event)).data.n} visits` }),
        async action(event, { fail }) {
          await visits(store)(event);
          return fail(422, {});
        },
      },
      "/rendered",
      { method: "POST" },
    );
    expect([response.status, response.headers.getSetCookie().length]).toEqual([422, 1]);
    expect(await response.text()).toContain("<p>1 visits</p>");
  });

  test("changes by a promise that load streams are saved", async () => {
    const store = openSessions();
    const { load, handle } = {
      handle: sveltekitSessions(store.sessions),
      async load(event: TestEvent) {
        const data = await visits(store)(event);
        const late = new Promise<string>((resolve) => {
          setImmediate(() => {
            data["late"] = true;
            resolve("the late part");
          });
        });
        return { text: "the page", late };
      },
    };
    const response = await ask({ handle, load }, "/rendered");
    expect(await response.text()).toContain("the late part");
    const session = await store.sessions.open(response.headers.getSetCookie().map(pairOf)[0]);
    expect({ ...session.data }).toEqual({ n: 1, late: true });
  });

  test("are left alone without a session, with the cookies that they set", async () => {
    const { sessions } = openSessions();
    const response = await ask(
      {
        handle: sveltekitSessions(sessions),
        async load({ cookies }) {
          cookies.set("theme", "dark", { path: "/" });
          return { text: "the page" };
        },
      },
      "/rendered",
    );
    expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^theme=dark/)]);
    expect(response.headers.get("vary")).toBeNull();
  });
});

describe("requests of event.fetch", () => {
  const route = async (event: TestEvent, store: Failable, init?: RequestInit): Promise<Response> => {
    const data = await visits(store)(event);
    if (event.url.pathname === "/inner") return Response.json(data);
    const inner = (await (await event.fetch("/inner", init)).json()) as object;
    return Response.json({ outer: data, inner });
  };

  test("for another route have the session of the request around, which is saved once", async () => {
    const store = openSessions();
    const response = await ask(
      { handle: sveltekitSessions(store.sessions), route: async (event) => route(event, store) },
      "/outer",
    );
    expect(await response.json()).toEqual({ outer: { n: 2 }, inner: { n: 2 } });
    expect(response.headers.getSetCookie()).toHaveLength(1);
  });

  test("have the session of `eager` as well", async () => {
    const { sessions } = openSessions();
    const response = await ask(
      {
        handle: sveltekitSessions(sessions, { eager: true }),
        async route(event) {
          const { session } = event.locals as SvelteKitSessionLocals<TestData>;
          session.data.n = (session.data.n ?? 0) + 1;
          if (event.url.pathname === "/outer") await event.fetch("/inner");
          return Response.json(session.data);
        },
      },
      "/outer",
    );
    expect(await response.json()).toEqual({ n: 2 });
  });

  test("without credentials have none of its session, and change no cookie of the visitor", async () => {
    const store = openSessions();
    const handle = sveltekitSessions(store.sessions);
    const first = await ask(
      { handle, route: async (event) => Response.json(await visits(store)(event)) },
      "/",
    );
    const [cookie = ""] = first.headers.getSetCookie().map(pairOf);
    const response = await ask(
      { handle, route: async (event) => route(event, store, { credentials: "omit" }) },
      "/outer",
      { headers: { Cookie: cookie } },
    );
    expect(await response.json()).toEqual({ outer: { n: 2 }, inner: { n: 1 } });
    expect(response.headers.getSetCookie()).toEqual([]);
  });
});

test("a redirect that a hook behind throws has the cookie of a login before it, and the application's", async () => {
  const { sessions } = openSessions();
  const handle = sequence(sveltekitSessions(sessions), async ({ event }, { redirect }) => {
    await (await sessions.from(event)).login("42");
    event.cookies.set("theme", "dark", { path: "/" });
    return redirect(303, "/account");
  });
  const response = await ask({ handle }, "/login");
  expect([response.status, response.headers.get("location")]).toEqual([303, "/account"]);
  const cookies = response.headers.getSetCookie().map(pairOf);
  expect(cookies.map((cookie) => cookie.split("=")[0])).toEqual(["theme", "sessionid"]);
  expect((await sessions.open(cookies[1])).userId).toBe("42");
});

test("wrong arguments are explained", () => {
  const { sessions } = openSessions();
  expect(() => sveltekitSessions({} as never)).toThrow(
    "Write export const handle = sveltekitSessions(sessions)",
  );
  expect(() => sveltekitSessions(sessions, { eager: "yes" } as never)).toThrow("sveltekitSessions.eager");
  expect(() => sveltekitSessions(sessions, { onError: 1 } as never)).toThrow("sveltekitSessions.onError");
});
