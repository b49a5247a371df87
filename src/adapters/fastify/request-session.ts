import { linkTargetOf, makeObjectLinks, type ObjectLinks } from "../../core/object-links.ts";
import type { FastifyInstance, FastifyRequest } from "./types.ts";

/** Sessions that were loaded before the handlers run. */
const LOADED: ObjectLinks<unknown> = makeObjectLinks();

/** Marks instances whose requests have the getter. */
const MARK = Symbol("sojourn.session");

/** A getter of the prototype of all requests: none of them gets a property of its own. */
const LOADED_SESSION = {
  getter(this: FastifyRequest): unknown {
    return LOADED.get(linkTargetOf(this));
  },
};

/** Gives the requests of an instance, and of those within, the property `session`. */
export function decorateRequests(instance: FastifyInstance): void {
  if (instance.hasDecorator(MARK)) return;
  instance.decorate(MARK, true);
  instance.decorateRequest("session", LOADED_SESSION);
}

export function setSession(request: FastifyRequest, session: unknown): void {
  LOADED.set(linkTargetOf(request), session);
}
