import { createParamDecorator, type ExecutionContext } from "@nestjs/common";
import { SessionUsageError } from "../../core/errors.ts";
import type { Session } from "../../session/session.ts";
import type { SessionSource } from "../node/types.ts";
import type { SessionParameter } from "./types.ts";

/** Property of Express's application, and of Fastify's instance and its scopes. */
const SOURCE = Symbol("sojourn.sessions");

interface Instance {
  [SOURCE]?: SessionSource<object>;
}

/** A request of Express has `app`, one of Fastify `server`. */
interface NestRequest {
  readonly app?: Instance;
  readonly server?: Instance;
}

/** Parameter decorators get no providers: they find the sessions through the request. */
export function setSource(instance: object, sessions: SessionSource<object>): void {
  (instance as Instance)[SOURCE] ??= sessions;
}

/** @throws {SessionUsageError} In a handler of something else than HTTP, or without the module. */
export async function sessionOf(context: ExecutionContext, what: string): Promise<Session> {
  const type = context.getType<string>();
  if (type !== "http") {
    throw new SessionUsageError(
      `${what} expected a request of HTTP, got one of type "${type}". Inject the sessions with @InjectSessions(), and ` +
        "call sessions.from(request) or sessions.open(cookieHeader).",
    );
  }
  const request = context.switchToHttp().getRequest<NestRequest>();
  const sessions = request.app?.[SOURCE] ?? request.server?.[SOURCE];
  if (sessions !== undefined) return sessions.from(request);
  throw new SessionUsageError(
    `${what} found no sessions. Add SessionsModule.forRoot(sessions) to the imports of the application's module.`,
  );
}

/** Gives a parameter of a handler the session of the request: a `Session`, loaded. */
export const CurrentSession: SessionParameter = createParamDecorator((_data: unknown, context) =>
  sessionOf(context, "@CurrentSession()"),
);

/** Gives a parameter of a handler the id of the logged-in user, a string; `undefined` for a visitor. */
export const CurrentUserId: SessionParameter = createParamDecorator(async (_data: unknown, context) => {
  const { userId } = await sessionOf(context, "@CurrentUserId()");
  return userId;
});
