import { SessionUsageError } from "../../core/errors.ts";
import { isCopyOfRequest } from "../../core/object-links.ts";
import { describeCached } from "../../session/sessions-calls.ts";
import type { H3Event } from "./types.ts";

/** Sets the session of an event. A handler whose response is cached has the same context, and must not read it. */
export function setSession(event: H3Event, session: unknown): void {
  Object.defineProperty(event.context, "session", {
    configurable: true,
    enumerable: true,
    get() {
      if (!isCopyOfRequest(event)) return session;
      throw new SessionUsageError(describeCached("event.context.session was read in"));
    },
    set(this: object, value: unknown) {
      Object.defineProperty(this, "session", { configurable: true, enumerable: true, writable: true, value });
    },
  });
}
