import type { SetCookieAttributes } from "../../session/http/cookie.ts";
import type { Session } from "../../session/session.ts";
import type { CrossSiteOptions } from "../node/types.ts";

/** The part of the result of Next's `cookies()` that the adapter uses. */
export interface NextCookies {
  set(name: string, value: string, attributes: SetCookieAttributes): unknown;
  delete(name: string): unknown;
}

/** Data that a server component may read. */
export type ReadonlyData<Data> = Data extends readonly (infer Item)[]
  ? readonly ReadonlyData<Item>[]
  : Data extends object
    ? { readonly [Name in keyof Data]: ReadonlyData<Data[Name]> }
    : Data;

/** Members of a session that change nothing. */
type Readable =
  | "isNew"
  | "isEmpty"
  | "userId"
  | "isAuthenticated"
  | "authenticatedAt"
  | "isFresh"
  | "isAlive"
  | "ref"
  | "eventName"
  | "expiryDate"
  | "testCookieWorked";

/** The session of a server component. Its other members throw a {@link SessionUsageError}. */
export interface ReadonlySession<Data extends object = Record<string, unknown>> extends Readonly<
  Pick<Session<Data>, Readable>
> {
  readonly data: ReadonlyData<Data>;
}

/** A route handler of Next, such as `GET` of a `route.ts`. */
export type NextRouteHandler<NextRequest extends Request, Context> = (
  request: NextRequest,
  context: Context,
) => Promise<Response>;

/** A handler for `withSession`. */
export type SessionRouteHandler<Data extends object, NextRequest extends Request, Context> = (
  request: NextRequest,
  session: Session<Data>,
  context: Context,
) => Response | Promise<Response>;

/** A handler for `withSession` with `eager: false`, which calls `sessions.from(request)`. */
export type LazyRouteHandler<NextRequest extends Request, Context> = (
  request: NextRequest,
  context: Context,
) => Response | Promise<Response>;

/** Options of `withSession`. */
export interface WithSessionOptions {
  /**
   * Loads the session before the handler runs.
   *
   * @defaultValue `true`
   */
  readonly eager?: boolean;
}

/** The function `withSession`. */
export interface WithSession<Data extends object> {
  <NextRequest extends Request = Request, Context = unknown>(
    handler: SessionRouteHandler<Data, NextRequest, Context>,
    options?: { readonly eager?: true },
  ): NextRouteHandler<NextRequest, Context>;
  <NextRequest extends Request = Request, Context = unknown>(
    handler: LazyRouteHandler<NextRequest, Context>,
    options: { readonly eager: false },
  ): NextRouteHandler<NextRequest, Context>;
}

/** The functions of `nextSessions`. */
export interface NextSessions<Data extends object = Record<string, unknown>> {
  /**
   * Returns the session of the request to read: for server components, and for functions that they
   * share with actions and route handlers. All calls in a request load it once.
   *
   * @throws {SessionUsageError} When the session is changed through it.
   */
  readonly getSession: () => Promise<ReadonlySession<Data>>;
  /**
   * Returns a route handler whose session is saved before the first byte of its response leaves.
   * `redirect()`, `notFound()`, `forbidden()` and `unauthorized()` are responses like others.
   */
  readonly withSession: WithSession<Data>;
  /**
   * Returns a server action whose session is saved before its response leaves. The action gets the
   * session before its own arguments.
   *
   * @throws {SessionUsageError} When the action is called where Next can set no cookie.
   */
  readonly sessionAction: <Args extends readonly unknown[], Result>(
    action: (session: Session<Data>, ...args: Args) => Result | Promise<Result>,
  ) => (...args: Args) => Promise<Result>;
  /**
   * Extends the session of a request, and sends its cookie again: for `proxy.ts`, since no page can
   * do so.
   *
   * @param response Response of the proxy. Its headers have to be changeable. @defaultValue
   *   `NextResponse.next()`
   */
  readonly refreshSession: <ProxyResponse extends Response = Response>(
    request: Request,
    response?: ProxyResponse,
  ) => Promise<ProxyResponse>;
}

/** Options of `nextSessions`. */
export interface NextSessionsOptions extends CrossSiteOptions {
  /**
   * Called with the error of a route handler, or of a session that could not be loaded or saved
   * there. Returns the response.
   *
   * @defaultValue An empty response with the error's `statusCode`, if that is a 4xx. Else Next's own
   *   handling: `onRequestError` of the instrumentation, and an empty response with status 500.
   */
  readonly onError?: (error: unknown, request: Request) => Response | Promise<Response>;
}
