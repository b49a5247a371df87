import type { ServerResponse } from "node:http";
import { isHeld } from "../node/response-hold.ts";
import type { ExpressRequest } from "./types.ts";

let hasWarned = false;

/**
 * The value of `req.session` before it is loaded: `undefined`, as without sessions. Other libraries
 * check for it, and may replace it by their own; reading it warns once, with advice.
 */
const NOT_LOADED: PropertyDescriptor & ThisType<ExpressRequest> = {
  get() {
    const { res } = this as { res?: ServerResponse };
    if (res !== undefined && isHeld(res)) warnOnce();
    return undefined;
  },
  set(session: unknown) {
    setSession(this, session);
  },
  configurable: true,
  enumerable: false,
};

/**
 * Makes reading `req.session`, which other libraries have, warn with advice instead of only being
 * `undefined`. The property is added to the prototype that an application gives its requests: one
 * on each request takes 5 us (Node.js 20), as V8 shares no shape between them.
 */
export function explainSession(request: ExpressRequest): void {
  if ("session" in request) return;
  const prototype = Object.getPrototypeOf(request) as object;
  const isOfApplication = Object.hasOwn(prototype, "app") && Object.isExtensible(prototype);
  Object.defineProperty(isOfApplication ? prototype : request, "session", NOT_LOADED);
}

export function setSession(request: ExpressRequest, session: unknown): void {
  Object.defineProperty(request, "session", {
    value: session,
    writable: true,
    configurable: true,
    enumerable: true,
  });
}

function warnOnce(): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    "req.session was read, and is undefined: nothing has loaded it. Call `await sessions.from(req)`, or mount " +
      "expressSessions(sessions, { eager: true }), which loads it before the handlers run. If another library keeps its own " +
      "sessions there, ignore this, or mount that library before expressSessions() to avoid the warning.",
    { type: "SojournWarning", code: "SOJOURN_SESSION_NOT_LOADED" },
  );
}
