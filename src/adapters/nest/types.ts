import type { ConfigurableModuleAsyncOptions, PipeTransform, Type } from "@nestjs/common";
import type { CrossSite } from "../../session/http/cross-site.ts";
import type { SessionSource } from "../node/types.ts";

/** Options of `SessionsModule`. */
export interface SessionsModuleOptions<Data extends object = Record<string, unknown>> {
  /** The sessions of `createSojourn`. */
  readonly sessions: SessionSource<Data>;
  /**
   * Loads the session before the handlers run and sets `request.session`. Every request with a
   * session cookie then needs the store; a failed load goes to the exception filters.
   *
   * @defaultValue `false`: handlers take `@CurrentSession()`.
   */
  readonly eager?: boolean;
  /**
   * Handling of state-changing requests from a page of another site (cross-site request forgery).
   * `"interrupt"`: without the session's cookie they start no session. `"refuse"`: requests from
   * another origin fail with a {@link CrossSiteError} (403). `{ trustedOrigins }`: the same, except
   * for these origins. `"allow"`: no check.
   *
   * @defaultValue `"interrupt"`: only `SameSite=Lax` protects against forged requests.
   */
  readonly crossSite?: CrossSite;
}

/** What `SessionsModule` takes: the sessions alone, or with options. */
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
