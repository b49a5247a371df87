import { Readable } from "node:stream";
import {
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  HttpCode,
  HttpException,
  Inject,
  Injectable,
  type INestApplication,
  type MiddlewareConsumer,
  Module,
  type ModuleMetadata,
  type NestInterceptor,
  type NestMiddleware,
  Post,
  type Provider,
  Redirect,
  Req,
  Res,
  Scope,
  Session as NestSession,
  Sse,
  StreamableFile,
  UseFilters,
  UseGuards,
  UseInterceptors,
  VersioningType,
} from "@nestjs/common";
import { APP_FILTER, APP_GUARD, HttpAdapterHost, NestFactory } from "@nestjs/core";
import { ExecutionContextHost } from "@nestjs/core/helpers/execution-context-host.js";
import { ExpressAdapter } from "@nestjs/platform-express";
import type { FastifyAdapter } from "@nestjs/platform-fastify";
import type { FastifyReply } from "fastify";
import type { Response } from "express";
import { concatMap, from, type Observable } from "rxjs";
import {
  AuthenticatedGuard,
  CurrentSession,
  CurrentUserId,
  InjectSessions,
  Public,
  SESSIONS,
  SessionsModule,
  type SessionsOptionsFactory,
} from "sojourn/adapters/nest";
import { type Session, SessionInterrupted, type Sessions, SojournError } from "sojourn";
import { describe, expect, onTestFinished, test } from "vitest";
import { turns } from "./support/http.ts";
import { createNest, listen, PLATFORMS, type Platform, rootOf } from "./support/nest.ts";
import { type Failable, openSessions, type TestData } from "./support/stores.ts";

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly cookie: string | undefined;
  readonly headers: Headers;
}

type Ask = (path: string, init?: RequestInit & { readonly cookie?: string | undefined }) => Promise<Reply>;

/** Starts an application. @returns A function that sends it requests. */
async function start(app: INestApplication): Promise<Ask> {
  onTestFinished(() => app.close());
  const port = await listen(app);
  return async (path, { cookie, ...init } = {}) => {
    const headers = { ...(init.headers as Record<string, string>), ...(cookie !== undefined && { cookie }) };
    const reply = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: "manual", ...init, headers });
    return {
      status: reply.status,
      body: await reply.text(),
      cookie: reply.headers.getSetCookie().at(-1)?.split(";")[0],
      headers: reply.headers,
    };
  };
}

const serve = async (platform: Platform, metadata: ModuleMetadata): Promise<Ask> =>
  start(await createNest(platform, metadata, { forceCloseConnections: true }));

@Controller()
class Shop {
  @Get("views")
  views(@CurrentSession() session: Session<TestData>): string {
    session.data.n = (session.data.n ?? 0) + 1;
    return `${session.data.n} views`;
  }

  @Post("login")
  async login(@CurrentSession() session: Session<TestData>): Promise<void> {
    await session.login(42);
  }

  @Get("user")
  user(@CurrentUserId() userId: string | undefined): object {
    return { userId: userId ?? null };
  }

  @Get("plain")
  plain(): string {
    return "plain";
  }
}

const OK = { status: 200 };

describe.each(PLATFORMS)("SessionsModule on %s", (platform) => {
  describe("a handler", () => {
    test("gets the session and the id of its user by decorators", async () => {
      const { sessions } = openSessions();
      const ask = await serve(platform, { imports: [SessionsModule.forRoot(sessions)], controllers: [Shop] });
      const first = await ask("/views");
      expect(first).toMatchObject({ ...OK, body: "1 views" });
      expect(await ask("/views", { cookie: first.cookie })).toMatchObject({ body: "2 views" });
      expect(await ask("/user", { cookie: first.cookie })).toMatchObject({ body: '{"userId":null}' });
      const { status, cookie } = await ask("/login", { method: "POST", cookie: first.cookie });
      expect(status).toBe(201);
      expect(await ask("/user", { cookie })).toMatchObject({ body: '{"userId":"42"}' });
    });

    test("that leaves the session alone has a response as without it", async () => {
      const ask = await serve(platform, {
        imports: [SessionsModule.forRoot(openSessions().sessions)],
        controllers: [Shop],
      });
      const { cookie, headers } = await ask("/plain");
      expect([cookie, headers.get("vary"), headers.get("cache-control")]).toEqual([undefined, null, null]);
    });

    test("may redirect, set the status, answer by @Res(), and send a file", async () => {
      @Controller()
      class Answers {
        @Get("redirect")
        @Redirect("/next", 303)
        redirect(@CurrentSession() session: Session<TestData>): void {
          session.data.n = 1;
        }

        @Get("code")
        @HttpCode(202)
        code(@CurrentSession() session: Session<TestData>): string {
          session.data.n = 1;
          return "accepted";
        }

        @Get("passthrough")
        passthrough(
          @CurrentSession() session: Session<TestData>,
          @Res({ passthrough: true }) response: Response | FastifyReply,
        ): string {
          session.data.n = 1;
          void response.header("X-Page", "1").status(207);
          return "passthrough";
        }

        @Get("own")
        own(@CurrentSession() session: Session<TestData>, @Res() response: Response | FastifyReply): void {
          session.data.n = 1;
          void response.send("own");
        }

        @Get("file")
        file(@CurrentSession() session: Session<TestData>): StreamableFile {
          session.data.n = 1;
          return new StreamableFile(Readable.from(["a ", "file"], { objectMode: false }));
        }
      }
      const { sessions } = openSessions();
      const ask = await serve(platform, {
        imports: [SessionsModule.forRoot(sessions)],
        controllers: [Answers],
      });
      const session = expect.stringMatching(/^sessionid=/) as unknown;
      expect(await ask("/redirect")).toMatchObject({ status: 303, cookie: session });
      expect(await ask("/code")).toMatchObject({ status: 202, body: "accepted", cookie: session });
      expect(await ask("/passthrough")).toMatchObject({ status: 207, body: "passthrough", cookie: session });
      expect(await ask("/own")).toMatchObject({ ...OK, body: "own", cookie: session });
      expect(await ask("/file")).toMatchObject({ ...OK, body: "a file", cookie: session });
    });

    test("of server-sent events has its cookie in the head, and its late changes saved", async () => {
      const { sessions } = openSessions();
      @Controller()
      class Events {
        @Sse("events")
        events(@CurrentSession() session: Session<TestData>): Observable<{ data: string }> {
          session.data.n = 1;
          return from(["a", "b"]).pipe(
            concatMap(async (data) => {
              await turns();
              session.data.n = (session.data.n ?? 0) + 1;
              return { data };
            }),
          );
        }
      }
      const ask = await serve(platform, {
        imports: [SessionsModule.forRoot(sessions)],
        controllers: [Events],
      });
      const { body, cookie, headers } = await ask("/events");
      expect(headers.get("content-type")).toBe("text/event-stream");
      expect(body).toContain("data: b");
      const { data } = await sessions.open(cookie);
      expect({ ...data }).toEqual({ n: 3 });
    });

    test("of server-sent events is an error response, where the session cannot be saved", async () => {
      const store = openSessions();
      store.isDown = true;
      @Controller()
      class Events {
        @Sse("events")
        events(@CurrentSession() session: Session<TestData>): Observable<{ data: string }> {
          session.data.n = 1;
          return from([{ data: "a" }]);
        }
      }
      const imports = [SessionsModule.forRoot(store.sessions)];
      const ask = await serve(platform, { imports, controllers: [Events] });
      expect(await ask("/events")).toMatchObject({
        status: 500,
        body: '{"statusCode":500,"message":"Internal server error"}',
        cookie: undefined,
      });
    });

    test("of a request scope, and an interceptor after it, change the same session", async () => {
      const { sessions } = openSessions();
      class AddTen implements NestInterceptor {
        intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
          const request = context.switchToHttp().getRequest<object>();
          const addTen = async (value: unknown): Promise<unknown> => {
            const { data } = await sessions.from(request);
            data.n = (data.n ?? 0) + 10;
            return value;
          };
          return next.handle().pipe(concatMap(addTen));
        }
      }
      @Controller({ scope: Scope.REQUEST })
      @UseInterceptors(AddTen)
      class Scoped extends Shop {}
      const imports = [SessionsModule.forRoot(sessions)];
      const { cookie } = await (await serve(platform, { imports, controllers: [Scoped] }))("/views");
      const { data } = await sessions.open(cookie);
      expect({ ...data }).toEqual({ n: 11 });
    });

    test("with a global prefix and a version has its session", async () => {
      const metadata = { imports: [SessionsModule.forRoot(openSessions().sessions)], controllers: [Shop] };
      const app = await createNest(platform, metadata);
      app.setGlobalPrefix("api");
      app.enableVersioning({ type: VersioningType.URI, defaultVersion: "1" });
      expect(await (await start(app))("/api/v1/views")).toMatchObject({ ...OK, body: "1 views" });
    });

    test("has the session on the request, and by Nest's own decorator, with `eager`", async () => {
      @Controller()
      class Eager {
        @Get()
        home(
          @Req() request: { session: unknown },
          @NestSession() own: unknown,
          @CurrentSession() session: unknown,
        ): boolean[] {
          return [request.session === session, own === session];
        }
      }
      const { sessions } = openSessions();
      const imports = [SessionsModule.forRoot({ sessions, eager: true })];
      const ask = await serve(platform, { imports, controllers: [Eager] });
      expect(await ask("/")).toMatchObject({ body: "[true,true]" });
    });
  });

  describe("middleware", () => {
    class CountVisits implements NestMiddleware {
      static sessions: Sessions<TestData>;

      async use(request: object, _response: unknown, next: (error?: unknown) => void): Promise<void> {
        const { data } = await CountVisits.sessions.from(request);
        data.n = (data.n ?? 0) + 10;
        next();
      }
    }

    test("of modules and of app.use() sees the session", async () => {
      const { sessions } = openSessions();
      CountVisits.sessions = sessions;
      @Module({ imports: [SessionsModule.forRoot(sessions)], controllers: [Shop] })
      class AppModule {
        configure(consumer: MiddlewareConsumer): void {
          consumer.apply(CountVisits).forRoutes("views");
        }
      }
      const app = await createNest(platform, { imports: [AppModule] });
      const counter = new CountVisits();
      app.use((request: object, response: unknown, next: () => void) => counter.use(request, response, next));
      const ask = await start(app);
      expect(await ask("/views")).toMatchObject({ ...OK, body: "21 views" });
    });

    test("that answers by itself has its session saved before", async () => {
      const { sessions } = openSessions();
      const app = await createNest(platform, { imports: [SessionsModule.forRoot(sessions)] });
      app.use(async (request: object, response: Response) => {
        (await sessions.from(request)).data.n = 7;
        response.end("early");
      });
      const { body, cookie } = await (await start(app))("/");
      expect(body).toBe("early");
      const { data } = await sessions.open(cookie);
      expect({ ...data }).toEqual({ n: 7 });
    });

    test("that answers by itself has the exception filters answer a failed save", async () => {
      const store = openSessions();
      store.isDown = true;
      const app = await createNest(platform, { imports: [SessionsModule.forRoot(store.sessions)] });
      const errors = filterWith(app);
      app.use(async (request: object, response: Response) => {
        (await store.sessions.from(request)).data.n = 7;
        response.end("early");
      });
      expect(await (await start(app))("/")).toMatchObject({
        status: 500,
        body: "filtered",
        cookie: undefined,
      });
      expect(errors).toMatchObject([{ code: "ERR_STORE_CONNECTION" }]);
    });
  });

  describe("exception filters", () => {
    test("get a failed save, and the error of a handler, as they are", async () => {
      @Controller()
      class Failing {
        @Get("late")
        late(@CurrentSession() session: Session<TestData>): string {
          session.data.n = 1;
          return "page";
        }

        @Get("early")
        async early(@CurrentSession() session: Session<TestData>): Promise<void> {
          session.data.n = 1;
          await session.save();
        }
      }
      const store = openSessions();
      const metadata = { imports: [SessionsModule.forRoot(store.sessions)], controllers: [Failing] };
      const app = await createNest(platform, metadata);
      const errors = filterWith(app);
      const ask = await start(app);
      store.isDown = true;
      expect(await ask("/late")).toMatchObject({ status: 500, body: "filtered", cookie: undefined });
      expect(await ask("/early")).toMatchObject({ status: 500, body: "filtered", cookie: undefined });
      expect(errors).toMatchObject([{ code: "ERR_STORE_CONNECTION" }, { code: "ERR_STORE_CONNECTION" }]);
    });

    test("of the application, for one class of errors, get a save that came too late", async () => {
      @Catch(SessionInterrupted)
      class TryAgain implements ExceptionFilter {
        @Inject(HttpAdapterHost) readonly host!: HttpAdapterHost;

        catch({ statusCode }: SessionInterrupted, host: ArgumentsHost): void {
          this.host.httpAdapter.reply(host.switchToHttp().getResponse(), "try again", statusCode);
        }
      }
      const ask = await withEnded({ provide: APP_FILTER, useClass: TryAgain });
      for (const path of ["/late", "/early"]) {
        const { cookie } = await ask("/login", { method: "POST" });
        expect(await ask(path, { cookie })).toMatchObject({ status: 400, body: "try again" });
      }
    });

    test("of Nest answer with the status of the error, and without its message", async () => {
      const ask = await withEnded();
      const reply = { status: 400, body: '{"statusCode":400,"message":"Bad Request"}', cookie: undefined };
      for (const path of ["/late", "/early"]) {
        const { cookie } = await ask("/login", { method: "POST" });
        expect(await ask(path, { cookie })).toMatchObject(reply);
      }
    });

    test("get the request from another site that is refused", async () => {
      const { sessions } = openSessions();
      const imports = [SessionsModule.forRoot({ sessions, crossSite: "refuse" })];
      const ask = await serve(platform, { imports, controllers: [Shop] });
      const headers = { "Sec-Fetch-Site": "cross-site", Origin: "https://evil.example" };
      expect(await ask("/login", { method: "POST", headers })).toMatchObject({
        status: 403,
        body: '{"statusCode":403,"message":"Forbidden"}',
        cookie: undefined,
      });
      expect(await ask("/login", { method: "POST" })).toMatchObject({ status: 201 });
    });

    test("of a controller get the errors of its handlers, whose login holds", async () => {
      @Catch(HttpException)
      class Sorry implements ExceptionFilter {
        @Inject(HttpAdapterHost) readonly host!: HttpAdapterHost;

        catch(error: HttpException, host: ArgumentsHost): void {
          this.host.httpAdapter.reply(host.switchToHttp().getResponse(), "sorry", error.getStatus());
        }
      }
      @Controller()
      @UseFilters(Sorry)
      class Failing {
        @Post("login")
        async login(@CurrentSession() session: Session<TestData>): Promise<void> {
          await session.login(42);
          throw new BadRequestException();
        }
      }
      const { sessions } = openSessions();
      const ask = await serve(platform, {
        imports: [SessionsModule.forRoot(sessions)],
        controllers: [Failing],
      });
      const { status, body, cookie } = await ask("/login", { method: "POST" });
      expect({ status, body }).toEqual({ status: 400, body: "sorry" });
      expect(await sessions.open(cookie)).toMatchObject({ userId: "42" });
    });

    /** An application with handlers whose session is ended meanwhile. */
    async function withEnded(...providers: Provider[]): Promise<Ask> {
      const { sessions } = openSessions();
      @Controller()
      class Ended {
        @Get("late")
        async late(@CurrentSession() session: Session<TestData>): Promise<string> {
          await sessions.revokeUser("42");
          session.data.n = 1;
          return "page";
        }

        @Get("early")
        async early(@CurrentSession() session: Session<TestData>): Promise<void> {
          await sessions.revokeUser("42");
          session.data.n = 1;
          await session.save();
        }
      }
      const imports = [SessionsModule.forRoot(sessions)];
      return serve(platform, { imports, controllers: [Shop, Ended], providers });
    }
  });

  describe("AuthenticatedGuard", () => {
    @Controller()
    class Account {
      @Get("account")
      account(@CurrentUserId() userId: string): string {
        return `account of ${userId}`;
      }

      @Get("about")
      @Public()
      about(): string {
        return "about";
      }
    }

    test("lets in the logged-in user alone", async () => {
      @Controller()
      class Guarded {
        @Get("account")
        @UseGuards(AuthenticatedGuard)
        account(): string {
          return "account";
        }
      }
      const imports = [SessionsModule.forRoot(openSessions().sessions)];
      const ask = await serve(platform, { imports, controllers: [Shop, Guarded] });
      expect(await ask("/account")).toMatchObject({
        status: 401,
        body: '{"message":"Unauthorized","statusCode":401}',
        cookie: undefined,
      });
      const { cookie } = await ask("/login", { method: "POST" });
      expect(await ask("/account", { cookie })).toMatchObject({ ...OK, body: "account" });
    });

    test("is around all handlers as APP_GUARD, but those that are public", async () => {
      @Public()
      @Controller()
      class Open extends Shop {}
      const ask = await serve(platform, {
        imports: [SessionsModule.forRoot(openSessions().sessions)],
        controllers: [Open, Account],
        providers: [{ provide: APP_GUARD, useClass: AuthenticatedGuard }],
      });
      expect(await ask("/account")).toMatchObject({ status: 401 });
      expect(await ask("/about")).toMatchObject({ ...OK, body: "about", cookie: undefined });
      const { cookie } = await ask("/login", { method: "POST" });
      expect(await ask("/account", { cookie })).toMatchObject({ ...OK, body: "account of 42" });
    });
  });

  test("two applications of a process have their own sessions", async () => {
    const [one, other] = [openSessions(), openSessions()];
    const asks = await Promise.all(
      [one, other].map(({ sessions }) =>
        serve(platform, { imports: [SessionsModule.forRoot(sessions)], controllers: [Shop] }),
      ),
    );
    const [askOne, askOther] = asks as [Ask, Ask];
    const { cookie } = await askOne("/views");
    expect(await askOne("/views", { cookie })).toMatchObject({ body: "2 views" });
    expect(await askOther("/views", { cookie })).toMatchObject({ body: "1 views" });
  });

  test("a second module of an application adds sessions, which handlers take from theirs", async () => {
    const [visitors, admins] = [openSessions(), openSessions()];
    @Controller()
    class Both {
      @Get()
      async home(@CurrentSession() session: Session<TestData>, @Req() request: object): Promise<boolean> {
        session.data.n = 1;
        const admin = await admins.sessions.from(request);
        return session === (await visitors.sessions.from(request)) && session !== admin;
      }
    }
    const imports = [SessionsModule.forRoot(visitors.sessions), SessionsModule.forRoot(admins.sessions)];
    const ask = await serve(platform, { imports, controllers: [Both] });
    expect(await ask("/")).toMatchObject({ ...OK, body: "true" });
  });

  test("without the module, the decorators say what to do", async () => {
    const app = await createNest(platform, { controllers: [Shop] });
    const errors = filterWith(app);
    expect(await (await start(app))("/views")).toMatchObject({ status: 500 });
    expect(String(errors[0])).toBe(
      "SessionUsageError: @CurrentSession() found no sessions. Add SessionsModule.forRoot(sessions) to the imports of the " +
        "application's module.",
    );
  });

  test("a module whose server comes late, as one for tests, is mounted then", async () => {
    // A testing module makes its providers before it gets its server.
    const { sessions } = openSessions();
    const app = await createNest(platform, { controllers: [Shop] });
    const host = new HttpAdapterHost();
    const made = new SessionsModule(sessions, { sessions }, host);
    host.httpAdapter = app.getHttpAdapter() as HttpAdapterHost["httpAdapter"];
    expect(made).toBeInstanceOf(SessionsModule);
    expect(await (await start(app))("/views")).toMatchObject({ ...OK, body: "1 views" });
  });
});

test("Fastify's hook of another library stays, before ours and after", async () => {
  const { sessions } = openSessions();
  const calls: string[] = [];
  const noting = (name: string) => (_request: object, _reply: object, done: () => void) => {
    calls.push(name);
    done();
  };
  @Module({})
  class Tracing {
    constructor(@Inject(HttpAdapterHost) { httpAdapter }: HttpAdapterHost) {
      httpAdapter.setOnRequestHook(noting("before"));
    }
  }
  const imports = [Tracing, SessionsModule.forRoot(sessions)];
  const app = await createNest("Fastify", { imports, controllers: [Shop] });
  const ask = await start(app);
  expect(await ask("/views")).toMatchObject({ ...OK, body: "1 views" });
  (app.getHttpAdapter() as FastifyAdapter).setOnRequestHook(noting("after"));
  expect(await ask("/views")).toMatchObject({ ...OK, body: "1 views" });
  expect(calls).toEqual(["before", "after"]);
});

test("in a handler of something else than HTTP, the guard says what to do", async () => {
  const context = new ExecutionContextHost([], Shop, AuthenticatedGuard.prototype.canActivate);
  context.setType("ws");
  await expect(new AuthenticatedGuard().canActivate(context)).rejects.toThrow(
    'AuthenticatedGuard expected a request of HTTP, got one of type "ws". Inject the sessions with @InjectSessions(), and ' +
      "call sessions.from(request) or sessions.open(cookieHeader).",
  );
});

describe("providers", () => {
  @Injectable()
  class Devices {
    readonly sessions: Sessions<TestData>;
    @Inject(SESSIONS) readonly same!: Sessions<TestData>;

    constructor(@InjectSessions() sessions: Sessions<TestData>) {
      this.sessions = sessions;
    }
  }

  test("get the sessions injected, in any module", async () => {
    const { sessions } = openSessions();
    @Module({ providers: [Devices] })
    class Inner {}
    const app = await NestFactory.createApplicationContext(
      rootOf({ imports: [Inner, SessionsModule.forRoot(sessions)] }),
      { logger: false, abortOnError: false },
    );
    onTestFinished(() => app.close());
    const devices = app.get(Devices);
    expect([devices.sessions, devices.same]).toEqual([sessions, sessions]);
  });

  describe("of forRootAsync may be", () => {
    @Injectable()
    class Store {
      readonly store: Failable = openSessions();
    }
    @Module({ providers: [Store], exports: [Store] })
    class StoreModule {}
    @Injectable()
    class Options implements SessionsOptionsFactory<TestData> {
      @Inject(Store) readonly store!: Store;

      async createSessionsOptions(): Promise<{ sessions: Sessions<TestData>; eager: boolean }> {
        return { sessions: this.store.store.sessions, eager: true };
      }
    }
    @Module({ imports: [StoreModule], providers: [Options], exports: [Options] })
    class OptionsModule {}
    const imports = [StoreModule];

    test.each([
      [
        "a factory of sessions",
        SessionsModule.forRootAsync({
          imports,
          inject: [Store],
          useFactory: ({ store }: Store) => store.sessions,
        }),
      ],
      [
        "a factory of options",
        SessionsModule.forRootAsync({
          imports,
          inject: [Store],
          useFactory: async ({ store }: Store) => ({ sessions: store.sessions }),
        }),
      ],
      ["a class", SessionsModule.forRootAsync({ imports, useClass: Options })],
      [
        "another module's provider",
        SessionsModule.forRootAsync({ imports: [OptionsModule], useExisting: Options }),
      ],
    ])("%s", async (_title, module) => {
      const app = await createNest("Express", {
        imports: [module],
        controllers: [Shop],
        providers: [Devices],
      });
      expect(await (await start(app))("/views")).toMatchObject({ ...OK, body: "1 views" });
      expect(app.get(Devices).sessions).toHaveProperty("from");
    });
  });
});

describe("wrong arguments", () => {
  const { forRoot, forRootAsync } = SessionsModule as unknown as Record<
    "forRoot" | "forRootAsync",
    (input?: unknown) => never
  >;
  const made = (): Sessions<TestData> => openSessions().sessions;

  test.each([
    [
      "nothing",
      () => undefined,
      "SessionsModule.forRoot() expected the sessions of createSojourn(), got nothing. Write SessionsModule.forRoot(sessions).",
    ],
    [
      "no sessions",
      () => ({ eager: true }),
      "SessionsModule.forRoot() expected the sessions of createSojourn(), got an object",
    ],
    [
      "an unknown option",
      () => ({ sessions: made(), eagre: true }),
      'SessionsModule.forRoot.eagre: is not a setting; did you mean "eager"?',
    ],
    [
      "a wrong option",
      () => ({ sessions: made(), eager: 1 }),
      "SessionsModule.forRoot.eager: expected true or false, got 1",
    ],
    [
      "a wrong rule",
      () => ({ sessions: made(), crossSite: "deny" }),
      "SessionsModule.forRoot.crossSite: expected ",
    ],
  ])("of forRoot: %s", (_title, input, message) => {
    expect(() => forRoot(input())).toThrow(message);
  });

  test("of a module: no call of forRoot", async () => {
    await expect(createNest("Express", { imports: [SessionsModule] })).rejects.toThrow(
      "SessionsModule was imported without sessions. Write SessionsModule.forRoot(sessions) into the imports of one module",
    );
  });

  test("of NestFactory: a server of another kind", async () => {
    class OwlAdapter extends ExpressAdapter {
      override getType(): string {
        return "owl";
      }
    }
    const imports = [SessionsModule.forRoot(made())];
    const creating = NestFactory.create(rootOf({ imports }), new OwlAdapter(), {
      logger: false,
      abortOnError: false,
    });
    await expect(creating).rejects.toThrow('SessionsModule: expected Express or Fastify beneath, got "owl".');
  });

  test("of forRootAsync: a factory without sessions", async () => {
    const creating = createNest("Express", { imports: [forRootAsync({ useFactory: () => ({}) })] });
    await expect(creating).rejects.toThrow(
      "SessionsModule.forRootAsync() expected the sessions of createSojourn(), got an object",
    );
  });
});

/** Adds a filter that notes the errors of Sojourn. */
function filterWith(app: INestApplication): unknown[] {
  const errors: unknown[] = [];
  @Catch(SojournError)
  class Noting implements ExceptionFilter {
    catch(error: SojournError, host: ArgumentsHost): void {
      errors.push(error);
      app.getHttpAdapter().reply(host.switchToHttp().getResponse(), "filtered", 500);
    }
  }
  app.useGlobalFilters(new Noting());
  return errors;
}
