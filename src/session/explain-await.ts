import { SessionUsageError } from "../core/errors.ts";
import { Session } from "./session.ts";

const MISSING_AWAIT = 'The session is not there yet: an "await" is missing, as in `await sessions.from(request)`.';

function refuse(): never {
  throw new SessionUsageError(MISSING_AWAIT);
}

/** Prototype of promises of sessions: what a session has, and a promise has not, says that it was not awaited. */
const UNAWAITED = makePrototype();

/**
 * Makes a promise of a session refuse to be taken for the session: without an `await`,
 * `sessions.from(request).userId` would be `undefined`, and everybody a stranger.
 *
 * It stays a promise of the language, so awaiting it costs what it did.
 */
export function explainAwait<Data extends object>(promise: Promise<Session<Data>>): Promise<Session<Data>> {
  return Object.setPrototypeOf(promise, UNAWAITED) as Promise<Session<Data>>;
}

function makePrototype(): object {
  const prototype = Object.create(
    new Proxy(Object.create(Promise.prototype) as object, { set: refuseUnknown }),
  ) as object;
  for (const name of namesOf(Session.prototype)) {
    if (!(name in Promise.prototype)) {
      Object.defineProperty(prototype, name, { get: refuse, set: refuse, configurable: true });
    }
  }
  return prototype;
}

/** The names that a session has, those of its base class included. */
function namesOf(prototype: object): string[] {
  const names: string[] = [];
  for (let each = prototype; Object.hasOwn(each, "constructor"); each = Object.getPrototypeOf(each) as object) {
    names.push(...Object.getOwnPropertyNames(each));
  }
  return names;
}

/** `sessions.from(request).views = 1`. Symbols may be set: libraries mark promises with them. */
function refuseUnknown(target: object, name: string | symbol, value: unknown, promise: object): boolean {
  return typeof name === "symbol" ? Reflect.set(target, name, value, promise) : refuse();
}
