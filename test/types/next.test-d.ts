import { createSojourn, type Session } from "sojourn";
import { nextSessions, type ReadonlySession } from "sojourn/adapters/next";
import { describe, expectTypeOf, test } from "vitest";

interface Data {
  views?: number;
}

const { sessions } = createSojourn<Data>({
  projectName: "types",
  secretKey: "a secret of the type tests, long enough",
});

describe("nextSessions", () => {
  const { getSession, withSession, sessionAction, refreshSession } = nextSessions(sessions);
  /** As Next's own, which has more than a `Request`. */
  interface NextRequest extends Request {
    readonly nextUrl: URL;
  }

  test("gives components a session to read", async () => {
    const session = await getSession();
    expectTypeOf(session).toEqualTypeOf<ReadonlySession<Data>>();
    expectTypeOf(session.data).toEqualTypeOf<{ readonly views?: number }>();
    // @ts-expect-error a change
    session.data.views = 1;
    expectTypeOf(session).not.toHaveProperty("login");
  });

  test("makes lists and objects in the data read-only", () => {
    expectTypeOf<ReadonlySession<{ cart: { id: string }[] }>["data"]["cart"]>().toEqualTypeOf<
      readonly { readonly id: string }[]
    >();
  });

  test("gives route handlers the session, Next's request and its context", () => {
    const handler = withSession(
      async (request: NextRequest, session, context: { readonly params: Promise<{ id: string }> }) => {
        expectTypeOf(session).toEqualTypeOf<Session<Data>>();
        return Response.json([request.nextUrl.pathname, (await context.params).id]);
      },
    );
    expectTypeOf(handler).parameters.toEqualTypeOf<
      [NextRequest, { readonly params: Promise<{ id: string }> }]
    >();
    expectTypeOf(handler).returns.resolves.toEqualTypeOf<Response>();
  });

  test("gives route handlers no session without `eager`", () => {
    withSession(
      async (request, context) => {
        expectTypeOf(request).toEqualTypeOf<Request>();
        expectTypeOf(context).toBeUnknown();
        return Response.json((await sessions.from(request)).data);
      },
      { eager: false },
    );
  });

  test("keeps the arguments and the result of an action", () => {
    const action = sessionAction(async (session, by: number, form: FormData) => {
      expectTypeOf(session).toEqualTypeOf<Session<Data>>();
      return form.has("double") ? by * 2 : by;
    });
    expectTypeOf(action).toEqualTypeOf<(by: number, form: FormData) => Promise<number>>();
  });

  test("returns the proxy's own response", () => {
    class NextResponse extends Response {}
    expectTypeOf(
      refreshSession(new Request("http://a/"), new NextResponse()),
    ).resolves.toEqualTypeOf<NextResponse>();
  });

  test("refuses options that it does not have", () => {
    // @ts-expect-error a misspelt option
    expectTypeOf(nextSessions(sessions, { onEror: () => new Response() })).toBeObject();
  });
});
