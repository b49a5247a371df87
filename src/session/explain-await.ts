import { SessionUsageError } from "../core/errors.ts";
import { Session } from "./session.ts";

const MISSING_AWAIT =
  'The session is not loaded yet: an "await" is missing, as in `await sessions.from(request)`.';

function refuse(): never {
  throw new SessionUsageError(MISSING_AWAIT);
}

/**
 * Prototype for promises of sessions. Members that only a session has throw: an `await` is missing.
 */
const UNAWAITED = makePrototype();

/**
 * Makes a promise of a session throw when it is used as the session: without an `await`,
 * `sessions.from(request).userId` would be `undefined`, and every visitor anonymous.
 *
 * It remains a native promise, so awaiting it costs no more.
 */
export function explainAwait<Data extends object>(promise: Promise<Session<Data>>): Promise<Session<Data>> {
  return Object.setPrototypeOf(promise, UNAWAITED) as Promise<Session<Data>>;
}

function makePrototype(): object {
  const prototype = Object.create(
    new Proxy(Object.create(Promise.prototype) as object, { set: refuseUnknown }),
  ) as object;
  // `await` looks these up: past the Proxy it would take five times as long.
  for (const name of ["constructor", "then"] as const)
    Object.defineProperty(prototype, name, {
      value: Promise.prototype[name],
      configurable: true,
      writable: true,
    });
  for (const name of namesOf(Session.prototype)) {
    if (!(name in Promise.prototype)) {
      Object.defineProperty(prototype, name, { get: refuse, set: refuse, configurable: true });
    }
  }
  return prototype;
}

/** Returns the names of a session's members, including those of its base class. */
function namesOf(prototype: object): string[] {
  const names: string[] = [];
  for (
    let each = prototype;
    Object.hasOwn(each, "constructor");
    each = Object.getPrototypeOf(each) as object
  ) {
    names.push(...Object.getOwnPropertyNames(each));
  }
  return names;
}

/**
 * Refuses `sessions.from(request).views = 1`. Allows symbols, with which libraries mark promises.
 */
function refuseUnknown(target: object, name: string | symbol, value: unknown, promise: object): boolean {
  return typeof name === "symbol" ? Reflect.set(target, name, value, promise) : refuse();
}
