import { ConfigurableModuleBuilder, type DynamicModule, Inject, Module, Optional } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import * as v from "valibot";
import { SessionUsageError } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import { checkSessions } from "../node/check-mount.ts";
import type { SessionSource } from "../node/types.ts";
import { mount } from "./mount.ts";
import type { SessionsModuleAsyncOptions, SessionsModuleInput, SessionsModuleOptions } from "./types.ts";

export type { SessionSource, WithSession } from "../node/types.ts";
export { AuthenticatedGuard, Public } from "./authenticated-guard.ts";
export { CurrentSession, CurrentUserId } from "./request-session.ts";
export type {
  SessionParameter,
  SessionsModuleAsyncOptions,
  SessionsModuleInput,
  SessionsModuleOptions,
  SessionsOptionsFactory,
} from "./types.ts";

const optionsSchema = settingsObject({
  sessions: v.unknown(),
  eager: v.optional(v.boolean("true or false")),
  crossSite: v.optional(v.unknown()),
});

/** Token of the sessions of `SessionsModule`, for `overrideProvider` and `inject`. */
export const SESSIONS: unique symbol = Symbol("SESSIONS");

const OPTIONS = Symbol("SESSIONS_MODULE_OPTIONS");

const WITHOUT_SESSIONS =
  "SessionsModule was imported without sessions. Write SessionsModule.forRoot(sessions) into the imports of one module: " +
  "it is global, and no other module has to import it.";

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<
  SessionsModuleInput<object>
>()
  .setClassMethodName("forRoot")
  .setFactoryMethodName("createSessionsOptions")
  .build();

/** Injects the sessions of `SessionsModule` into a constructor or a property: a `Sessions`. */
export function InjectSessions(): ParameterDecorator & PropertyDecorator {
  return Inject(SESSIONS);
}

/**
 * Sessions for Nest 12 and 11, on Express and on Fastify: `@CurrentSession()` gives a handler the session of
 * its request, and its changes are saved before the first byte of the response leaves. A failed save
 * goes to the exception filters, and the original response is not sent.
 *
 * @example
 * ```ts
 * import { Controller, Get, Module } from "@nestjs/common";
 * import { createSojourn, type Session } from "sojourn";
 * import { CurrentSession, SessionsModule } from "sojourn/adapters/nest";
 *
 * interface Visitor {
 *   views?: number;
 * }
 *
 * const { sessions } = createSojourn<Visitor>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * @Controller()
 * class Pages {
 *   @Get()
 *   home(@CurrentSession() session: Session<Visitor>) {
 *     session.data.views = (session.data.views ?? 0) + 1;
 *     return `${session.data.views} views`;
 *   }
 * }
 *
 * @Module({ imports: [SessionsModule.forRoot(sessions)], controllers: [Pages] })
 * export class AppModule {}
 * ```
 */
export class SessionsModule {
  /** @internal Called by Nest. */
  constructor(
    sessions: SessionSource<object> | undefined,
    options: SessionsModuleOptions<object> | undefined,
    host: HttpAdapterHost,
  ) {
    if (sessions === undefined || options === undefined) throw new SessionUsageError(WITHOUT_SESSIONS);
    const mountHere = (): void => mount(host.httpAdapter, { ...options, sessions });
    // A testing module gets its server later, an application context none.
    if (hasServer(host)) mountHere();
    else host.init$.subscribe(() => hasServer(host) && mountHere());
  }

  /** Returns the module for the imports of the application's module. It is global. */
  static forRoot<Data extends object>(input: SessionsModuleInput<Data>): DynamicModule {
    readInput(input, "SessionsModule.forRoot");
    return define(ConfigurableModuleClass.forRoot(input));
  }

  /** As {@link forRoot}, for sessions that other providers make. */
  static forRootAsync<Data extends object>(options: SessionsModuleAsyncOptions<Data>): DynamicModule {
    return define(ConfigurableModuleClass.forRootAsync(options));
  }
}

// Decorators as functions: Node's own removal of types does not know their syntax.
Module({})(SessionsModule);
Inject(SESSIONS)(SessionsModule, undefined, 0);
Optional()(SessionsModule, undefined, 0);
Inject(OPTIONS)(SessionsModule, undefined, 1);
Optional()(SessionsModule, undefined, 1);
Inject(HttpAdapterHost)(SessionsModule, undefined, 2);

function define({ providers = [], ...definition }: DynamicModule): DynamicModule {
  const read = (input: unknown): unknown => readInput(input, "SessionsModule.forRootAsync");
  const sessionsOf = ({ sessions }: SessionsModuleOptions<object>): unknown => sessions;
  return {
    ...definition,
    module: SessionsModule,
    global: true,
    providers: [
      ...providers,
      { provide: OPTIONS, inject: [MODULE_OPTIONS_TOKEN], useFactory: read },
      { provide: SESSIONS, inject: [OPTIONS], useFactory: sessionsOf },
    ],
    exports: [SESSIONS],
  };
}

function hasServer({ httpAdapter }: HttpAdapterHost): boolean {
  return Boolean(httpAdapter as unknown);
}

/**
 * @param method Name of the method that got the input, for messages.
 * @throws {SessionUsageError} Without sessions.
 * @throws {ImproperlyConfigured} For an invalid option.
 */
function readInput(input: unknown, method: string): SessionsModuleOptions<object> {
  const isOptions = typeof input === "object" && input !== null && "sessions" in input;
  const options = (isOptions ? input : { sessions: input }) as SessionsModuleOptions<object>;
  checkSessions(options.sessions, method, "SessionsModule.forRoot(sessions)");
  parseSettings(optionsSchema, options, method);
  // Checks the option under the name that the application has used.
  void new CrossSiteRule(options.crossSite, method);
  return options;
}
