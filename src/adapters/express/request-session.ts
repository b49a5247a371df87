import type { ExpressRequest } from "./types.ts";

let hasWarned = false;

/**
 * The value of `req.session` while nothing has loaded it: `undefined`, as where there are no sessions. Other
 * libraries look whether it is there, and may put theirs in its place; who takes it for ours is told what to
 * do.
 */
const NOT_LOADED: PropertyDescriptor & ThisType<ExpressRequest> = {
  get() {
    warnOnce();
    return undefined;
  },
  set(session: unknown) {
    setSession(this, session);
  },
  configurable: true,
  enumerable: false,
};

/** Makes `req.session`, which other libraries have, say what to do in place of only being `undefined`. */
export function explainSession(request: ExpressRequest): void {
  if (!("session" in request)) Object.defineProperty(request, "session", NOT_LOADED);
}

export function setSession(request: ExpressRequest, session: unknown): void {
  Object.defineProperty(request, "session", { value: session, writable: true, configurable: true, enumerable: true });
}

function warnOnce(): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    "req.session was asked for, and is undefined: nothing has loaded it. Call `await sessions.from(req)`, or mount " +
      "expressSessions(sessions, { eager: true }), which loads it before the handlers run. If another library keeps its own " +
      "sessions there, this is of no concern; mount it before expressSessions() and it is not said.",
    { type: "SojournWarning", code: "SOJOURN_SESSION_NOT_LOADED" },
  );
}
