import { createServer, type IncomingMessage } from "node:http";
import { createSecureServer, createServer as createHttp2Server } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import {
  type CanActivate,
  type DynamicModule,
  Get,
  Injectable,
  Module,
  ParseIntPipe,
  UseGuards,
} from "@nestjs/common";
import express, { type Request } from "express";
import fastify, { type FastifyRequest } from "fastify";
import Koa from "koa";
import { createSojourn, type Session, type Sessions } from "sojourn";
import { expressSessions, type WithSession } from "sojourn/adapters/express";
import { fastifySessions } from "sojourn/adapters/fastify";
import { koaSessions, type KoaSessionContext, type KoaSessionState } from "sojourn/adapters/koa";
import {
  AuthenticatedGuard,
  CurrentSession,
  CurrentUserId,
  InjectSessions,
  SessionsModule,
  type SessionsOptionsFactory,
} from "sojourn/adapters/nest";
import { nodeSessions } from "sojourn/adapters/node";
import { describe, expectTypeOf, test } from "vitest";

interface Data {
  views?: number;
}

const { sessions } = createSojourn<Data>({
  projectName: "types",
  secretKey: "a secret of the type tests, long enough",
});
const app = express();

describe("expressSessions", () => {
  test("fits app.use, router.use and a path of Express 5", () => {
    expectTypeOf(app.use(expressSessions(sessions))).toEqualTypeOf(app);
    app.use("/admin", expressSessions(sessions, { eager: true }));
    express.Router().use(expressSessions(sessions));
  });

  test("lets handlers see the application's own data", () => {
    app.get("/", (request) => {
      expectTypeOf(sessions.from(request)).resolves.toEqualTypeOf<Session<Data>>();
      expectTypeOf(sessions.from(request)).resolves.toHaveProperty("data").toEqualTypeOf<Data>();
    });
  });

  test("does not change the types of Express without `eager`", () => {
    expectTypeOf<Request>().not.toHaveProperty("session");
  });

  test("types req.session where it is asked for, without global augmentation", () => {
    app.get("/:id", (request, response) => {
      const { session, params } = request as WithSession<typeof request, Data>;
      expectTypeOf(session).toEqualTypeOf<Session<Data>>();
      expectTypeOf(params).toEqualTypeOf<{ id: string }>();
      response.json(session.data.views);
    });
  });

  test("refuses options that it does not have", () => {
    // @ts-expect-error a misspelt option
    expectTypeOf(expressSessions(sessions, { eagre: true })).toBeFunction();
  });
});

describe("nodeSessions", () => {
  test("fits http.createServer", () => {
    const listener = nodeSessions(sessions, async (_request, response) => void response.end(), {
      trustProxy: true,
    });
    expectTypeOf(createServer).toBeCallableWith(listener);
    createServer(nodeSessions(sessions, (_request, response) => response.end()));
  });

  test("fits servers of https and HTTP/2", () => {
    const listener = nodeSessions(sessions, (_request, response) => response.end());
    createHttpsServer({}, listener);
    createHttp2Server(listener);
    createSecureServer({ allowHTTP1: true }, listener);
    expectTypeOf(createHttp2Server).toBeCallableWith(listener);
  });

  test("gives the handler the session with `eager`, and only then", () => {
    nodeSessions(sessions, (request) => expectTypeOf(request.session).toEqualTypeOf<Session<Data>>(), {
      eager: true,
    });
    nodeSessions(sessions, (request) => expectTypeOf(request).toEqualTypeOf<IncomingMessage>());
  });
});

describe("fastifySessions", () => {
  const server = fastify();

  test("fits app.register, also in a scope, over HTTP/2 and TLS", () => {
    void server.register(fastifySessions(sessions));
    void server.register(async (scope) => {
      await scope.register(fastifySessions(sessions, { eager: true }));
    });
    void fastify({ http2: true }).register(fastifySessions(sessions));
    void fastify({ https: {} }).register(fastifySessions(sessions));
    expectTypeOf(fastifySessions(sessions)).toBeFunction();
  });

  test("lets handlers see the application's own data", () => {
    server.get("/", async (request) => {
      expectTypeOf(sessions.from(request)).resolves.toEqualTypeOf<Session<Data>>();
    });
  });

  test("types request.session with `eager`, without global augmentation", () => {
    server.get("/views", async (request) => {
      const session = request.getDecorator<Session<Data>>("session");
      expectTypeOf(session).toEqualTypeOf<Session<Data>>();
      // The benchmark's @fastify/session adds a type of its own to all requests.
      const own = request as Omit<FastifyRequest, "session"> as WithSession<
        Omit<FastifyRequest, "session">,
        Data
      >;
      expectTypeOf(own.session).toEqualTypeOf<Session<Data>>();
      return { views: session.data.views };
    });
  });

  test("refuses options that it does not have", () => {
    // @ts-expect-error a misspelt option
    expectTypeOf(fastifySessions(sessions, { eagre: true })).toBeFunction();
  });
});

describe("koaSessions", () => {
  test("fits app.use, and lets middleware see the application's own data", () => {
    const koa = new Koa();
    koa.use(koaSessions(sessions));
    koa.use((ctx) => {
      expectTypeOf(sessions.from(ctx)).resolves.toEqualTypeOf<Session<Data>>();
    });
  });

  test("types ctx.session() and ctx.state.session, without global augmentation", () => {
    const koa = new Koa<KoaSessionState<Data>, KoaSessionContext<Data>>();
    koa.use(koaSessions(sessions, { eager: true }));
    koa.use((ctx) => {
      expectTypeOf(ctx.session()).resolves.toEqualTypeOf<Session<Data>>();
      expectTypeOf(ctx.state.session).toEqualTypeOf<Session<Data>>();
    });
  });

  test("types ctx.session() of a chain of app.use", () => {
    new Koa<object, object>().use<object, KoaSessionContext<Data>>(koaSessions(sessions)).use((ctx) => {
      expectTypeOf(ctx.session()).resolves.toEqualTypeOf<Session<Data>>();
    });
  });

  test("refuses options that it does not have", () => {
    // @ts-expect-error a misspelt option
    expectTypeOf(koaSessions(sessions, { eagre: true })).toBeFunction();
  });
});

describe("SessionsModule", () => {
  @Injectable()
  class Options implements SessionsOptionsFactory<Data> {
    @InjectSessions() declare readonly injected: Sessions<Data>;

    createSessionsOptions(): { readonly sessions: Sessions<Data> } {
      return { sessions };
    }
  }

  test("fits the imports of a module", () => {
    expectTypeOf(SessionsModule.forRoot(sessions)).toEqualTypeOf<DynamicModule>();
    const useFactory = async (): Promise<Sessions<Data>> => sessions;
    Module({
      imports: [
        SessionsModule.forRoot({ sessions, eager: true, crossSite: "refuse" }),
        SessionsModule.forRootAsync({ inject: [Options], useFactory }),
        SessionsModule.forRootAsync({ useFactory: () => ({ sessions, crossSite: "allow" }) }),
        SessionsModule.forRootAsync({ useClass: Options }),
        SessionsModule.forRootAsync({ useExisting: Options }),
      ],
    });
  });

  test("has decorators of parameters, and a guard", () => {
    class Pages {
      @Get()
      @UseGuards(AuthenticatedGuard)
      home(@CurrentSession() session: Session<Data>, @CurrentUserId(ParseIntPipe) userId: number): unknown {
        return [session.data.views, userId];
      }
    }
    expectTypeOf(Pages).toBeConstructibleWith();
    expectTypeOf<AuthenticatedGuard>().toExtend<CanActivate>();
  });

  test("refuses options that it does not have", () => {
    // @ts-expect-error a misspelt option
    expectTypeOf(SessionsModule.forRoot({ sessions, eagre: true })).toBeObject();
    // @ts-expect-error a factory of something else
    expectTypeOf(SessionsModule.forRootAsync({ useFactory: () => ({ eager: true }) })).toBeObject();
  });
});
