import { type CanActivate, type ExecutionContext, SetMetadata, UnauthorizedException } from "@nestjs/common";
import { Reflector } from "@nestjs/core";
import { sessionOf } from "./request-session.ts";

const IS_PUBLIC = Symbol("sojourn.public");

const reflector = new Reflector();

/**
 * A guard for logged-in users: others get Nest's `UnauthorizedException` (401). As a global guard
 * (`APP_GUARD`) it leaves out what is {@link Public}.
 */
export class AuthenticatedGuard implements CanActivate {
  /** @throws {UnauthorizedException} For a visitor that is not logged in. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    if (reflector.getAllAndOverride<boolean | undefined>(IS_PUBLIC, targets) === true) return true;
    const { userId } = await sessionOf(context, "AuthenticatedGuard");
    if (userId === undefined) throw new UnauthorizedException();
    return true;
  }
}

/** Opens a handler, or all handlers of a controller, to visitors: {@link AuthenticatedGuard} lets them in. */
export function Public(): ClassDecorator & MethodDecorator {
  return SetMetadata(IS_PUBLIC, true);
}
