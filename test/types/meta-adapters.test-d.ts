import { H3 } from "h3";
import {
  createContext,
  type LoaderFunctionArgs,
  type MiddlewareFunction,
  type SessionStorage,
} from "react-router";
import { createSojourn, type Session } from "sojourn";
import { h3Sessions, type WithSession } from "sojourn/adapters/h3";
import { reactRouterSessions, reactRouterSessionStorage } from "sojourn/adapters/react-router";
import { type SvelteKitEvent, sveltekitSessions } from "sojourn/adapters/sveltekit";
import { describe, expectTypeOf, test } from "vitest";

interface Data {
  views?: number;
}

const { sessions } = createSojourn<Data>({ projectName: "myproject", secretKey: "a secret of the types" });

describe("h3Sessions", () => {
  test("fits app.use, and lets handlers see the application's own data", () => {
    const app = new H3();
    app.use(h3Sessions(sessions));
    app.use("/shop/**", h3Sessions(sessions));
    app.get("/", (event) => {
      expectTypeOf(sessions.from(event)).resolves.toEqualTypeOf<Session<Data>>();
      return "page";
    });
  });

  test("types the context of `eager`, without global augmentation", () => {
    const app = new H3();
    app.use(h3Sessions(sessions, { eager: true }));
    app.get("/", (event) => {
      const { session } = (event as WithSession<typeof event, Data>).context;
      expectTypeOf(session).toEqualTypeOf<Session<Data>>();
      return "page";
    });
  });

  test("refuses options that it does not have", () => {
    // @ts-expect-error a misspelt option
    expectTypeOf(h3Sessions(sessions, { eagre: true })).toBeFunction();
  });
});

describe("reactRouterSessions", () => {
  test("fits the middleware of a route, and lets loaders see the application's own data", () => {
    const middleware: MiddlewareFunction<Response>[] = [reactRouterSessions(sessions)];
    expectTypeOf(middleware).toBeArray();
    const loader = ({ context }: LoaderFunctionArgs) => {
      expectTypeOf(sessions.from(context)).resolves.toEqualTypeOf<Session<Data>>();
    };
    expectTypeOf(loader).toBeFunction();
  });

  test("gives the session to a context of its type alone", () => {
    const middleware = reactRouterSessions(sessions, { eager: createContext<Session<Data>>() });
    expectTypeOf(middleware).toBeFunction();
    // @ts-expect-error a context of something else
    expectTypeOf(reactRouterSessions(sessions, { eager: createContext<number>() })).toBeFunction();
  });

  test("refuses options that it does not have", () => {
    // @ts-expect-error a misspelt option
    expectTypeOf(reactRouterSessions(sessions, { eagre: true })).toBeFunction();
  });
});

describe("reactRouterSessionStorage", () => {
  test("is a SessionStorage of React Router, with the application's own data", () => {
    const storage: SessionStorage<Data, { notice: string }> = reactRouterSessionStorage<
      Data,
      { notice: string }
    >(sessions);
    expectTypeOf(storage.getSession).returns.resolves.toHaveProperty("id");
    const own = reactRouterSessionStorage<Data, { notice: string }>(sessions);
    expectTypeOf(own.getSession).returns.resolves.toHaveProperty("sojourn").toEqualTypeOf<Session<Data>>();
    void own.getSession().then((session) => {
      expectTypeOf(session.get("views")).toEqualTypeOf<number | undefined>();
      expectTypeOf(session.get("notice")).toEqualTypeOf<string | undefined>();
      // @ts-expect-error a name that the data does not have
      session.set("viewed", 1);
    });
  });
});

describe("sveltekitSessions", () => {
  /** `Handle` of SvelteKit, of which this project has no types. */
  type Handle = (input: {
    event: RequestEvent;
    resolve: (event: RequestEvent, options?: { preload?: () => boolean }) => Response | Promise<Response>;
  }) => Response | Promise<Response>;

  interface RequestEvent extends SvelteKitEvent {
    readonly url: URL;
    readonly fetch: typeof fetch;
  }

  test("fits a handle hook, and lets routes see the application's own data", () => {
    const handle: Handle = sveltekitSessions(sessions);
    expectTypeOf(handle).toBeFunction();
    const load = (event: RequestEvent) => {
      expectTypeOf(sessions.from(event)).resolves.toEqualTypeOf<Session<Data>>();
    };
    expectTypeOf(load).toBeFunction();
  });

  test("refuses options that it does not have", () => {
    // @ts-expect-error a misspelt option
    expectTypeOf(sveltekitSessions(sessions, { eagre: true })).toBeFunction();
  });
});
