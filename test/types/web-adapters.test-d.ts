import { Hono } from "hono";
import { createSojourn, type Session } from "sojourn";
import { fetchSessions } from "sojourn/adapters/fetch";
import { honoSessions, type SessionVariables } from "sojourn/adapters/hono";
import { describe, expectTypeOf, test } from "vitest";

interface Data {
  views?: number;
}

const { sessions } = createSojourn<Data>({ projectName: "myproject", secretKey: "a secret of the types" });

describe("honoSessions", () => {
  test("fits app.use, and lets handlers see the application's own data", () => {
    const app = new Hono();
    app.use(honoSessions(sessions));
    app.use("/shop/*", honoSessions(sessions));
    app.get("/", honoSessions(sessions), (c) => {
      expectTypeOf(sessions.from(c)).resolves.toEqualTypeOf<Session<Data>>();
      return c.text("page");
    });
  });

  test("types the variable of `eager`, without global augmentation", () => {
    const app = new Hono<{ Bindings: { name: string }; Variables: SessionVariables<Data> }>();
    app.use(honoSessions(sessions, { eager: true }));
    app.get("/", (c) => {
      expectTypeOf(c.get("session")).toEqualTypeOf<Session<Data>>();
      expectTypeOf(c.var.session).toEqualTypeOf<Session<Data>>();
      return c.text("page");
    });
  });

  test("refuses options that it does not have", () => {
    // @ts-expect-error a misspelt option
    expectTypeOf(honoSessions(sessions, { eagre: true })).toBeFunction();
  });
});

describe("fetchSessions", () => {
  test("gives a function with the arguments of the handler", () => {
    const handler = fetchSessions(sessions, async (request, env: { name: string }) => {
      expectTypeOf(request).toEqualTypeOf<Request>();
      expectTypeOf(sessions.from(request)).resolves.toEqualTypeOf<Session<Data>>();
      return new Response(env.name);
    });
    expectTypeOf(handler).parameters.toEqualTypeOf<[request: Request, env: { name: string }]>();
    expectTypeOf(handler).returns.resolves.toEqualTypeOf<Response>();
    // @ts-expect-error the handler needs its environment
    expectTypeOf(handler(new Request("http://shop.example"))).toBeObject();
  });

  test("keeps the request's own type", () => {
    type RoutedRequest = Request & { readonly params: Readonly<Record<string, string>> };
    const handler = fetchSessions(sessions, (request: RoutedRequest) => new Response(request.params["id"]));
    expectTypeOf(handler).parameter(0).toEqualTypeOf<RoutedRequest>();
  });

  test("types request.session with `eager`", () => {
    const handler = fetchSessions(
      sessions,
      (request) => {
        expectTypeOf(request.session).toEqualTypeOf<Session<Data>>();
        return new Response("page");
      },
      { eager: true },
    );
    expectTypeOf(handler).parameter(0).toEqualTypeOf<Request>();
  });

  test("refuses what returns no response, and options that it does not have", () => {
    // @ts-expect-error a text is no response
    expectTypeOf(fetchSessions(sessions, () => "page")).toBeFunction();
    // @ts-expect-error a misspelt option
    expectTypeOf(fetchSessions(sessions, () => new Response(), { eagre: true })).toBeFunction();
  });
});
