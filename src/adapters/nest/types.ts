import type { ConfigurableModuleAsyncOptions, PipeTransform, Type } from "@nestjs/common";
import type { CrossSiteOptions, SessionSource } from "../node/types.ts";

/** Options of `SessionsModule`. */
export interface SessionsModuleOptions<
  Data extends object = Record<string, unknown>,
> extends CrossSiteOptions {
  /** The sessions of `createSojourn`. */
  readonly sessions: SessionSource<Data>;
  /**
   * Loads the session before the handlers run and sets `request.session`. Every request with a
   * session cookie then needs the store; a failed load goes to the exception filters.
   *
   * @defaultValue `false`: handlers take `@CurrentSession()`.
   */
  readonly eager?: boolean;
}

/** Argument of `SessionsModule.forRoot`: the sessions alone, or with options. */
export type SessionsModuleInput<Data extends object> = SessionSource<Data> | SessionsModuleOptions<Data>;

/** Options of `SessionsModule.forRootAsync`: `useFactory` with `inject`, `useClass` or `useExisting`. */
export type SessionsModuleAsyncOptions<Data extends object> = ConfigurableModuleAsyncOptions<
  SessionsModuleInput<Data>,
  "createSessionsOptions"
>;

/** A provider for `useClass` and `useExisting` of `SessionsModule.forRootAsync`. */
export interface SessionsOptionsFactory<Data extends object = Record<string, unknown>> {
  createSessionsOptions(): SessionsModuleInput<Data> | Promise<SessionsModuleInput<Data>>;
}

/** A decorator of parameters, which takes pipes. */
export type SessionParameter = (...pipes: (Type<PipeTransform> | PipeTransform)[]) => ParameterDecorator;
